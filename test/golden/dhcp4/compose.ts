/**
 * Makes the transcript of the kind of client that cannot be run here: `node dist/test/golden/dhcp4/compose.js`. Its messages
 * are put together from the options that MS-DHCPE documents of Windows. So they have the shape of such a client; they are no
 * capture.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { OPTION } from "../../../src/wire/dhcp4/codes.js";
import * as message from "../../../src/wire/dhcp4/message.js";
import type { Option } from "../../../src/wire/dhcp4/option-repr.js";
import { type Answer, BRIDGE, Client, Dhcp4Lab, hostName, lists, octets, SERVER } from "../../support/dhcp4-lab.js";
import { packageRoot } from "../../support/paths.js";
import { GOLDEN_NETWORK } from "./network.js";
import { type Utterance, writeTranscript } from "./transcript.js";

const FOLDER = join(packageRoot, "test/golden/dhcp4");
const BROADCAST = 0xffff_ffff;

const text = (code: number, value: string): Option => ({ kind: "text", code, text: value });

/** One client's conversation with our server. */
class Conversation {
  readonly lab = new Dhcp4Lab({ networks: [GOLDEN_NETWORK] });
  readonly utterances: Utterance[] = [];
  readonly client: Client;

  constructor(client: Client) {
    this.client = client;
  }

  async say(said: message.Dhcp4Message, source = 0): Promise<Answer | undefined> {
    const destination = source === 0 ? BROADCAST : SERVER;
    const bytes = message.toBytes(said);
    this.utterances.push({ from: "client", mac: this.client.mac, source, destination, bytes });
    const answer = await this.lab.send(said, { link: BRIDGE, source, ...(source === 0 ? {} : { destination }) });
    if (answer !== undefined) {
      const { etherSource: mac, payload } = answer;
      this.utterances.push({ from: "server", mac, source: answer.source, destination: answer.destination, bytes: payload });
    }
    return answer;
  }

  async mustAnswer(said: message.Dhcp4Message, source = 0): Promise<Answer> {
    const answer = await this.say(said, source);
    if (answer === undefined) throw new Error("no answer");
    return answer;
  }

  write(name: string, title: string): void {
    writeFileSync(join(FOLDER, `${name}.transcript`), writeTranscript(`${title}; composed by compose.ts`, this.utterances));
  }
}

async function windows(): Promise<void> {
  const mac = 0x5254_0012_3457;
  const id = octets(OPTION.clientIdentifier, 1, 0x52, 0x54, 0, 0x12, 0x34, 0x57);
  const asked = lists(1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 119, 121, 249, 252);
  const vendor = text(OPTION.vendorClass, "MSFT 5.0");
  const name = hostName("DESKTOP-7K2M1QX");
  const fqdn = octets(OPTION.clientFqdn, 0, 0, 0, ...Buffer.from("DESKTOP-7K2M1QX"));
  const client = new Client(mac, id);
  const talk = new Conversation(client);
  const offer = await talk.mustAnswer(client.discover(name, vendor, asked));
  const ack = await talk.mustAnswer(client.select(offer, name, fqdn, vendor, asked));
  const address = ack.message.yiaddr;
  await talk.mustAnswer(client.inform(address, name, vendor, asked), address);
  await talk.mustAnswer(client.renew(address, name, fqdn, vendor, asked), address);
  await talk.say(client.release(address), address);
  await talk.mustAnswer(client.reboot(address, name, fqdn, vendor, asked));
  talk.write("windows", "A client shaped like Windows 10");
}

await windows();
