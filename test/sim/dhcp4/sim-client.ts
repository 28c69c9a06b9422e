import assert from "node:assert/strict";
import type { Timer } from "../../../src/base/clock.js";
import type { Link } from "../../../src/frame/link.js";
import { MESSAGE, OPTION } from "../../../src/wire/dhcp4/codes.js";
import type { Dhcp4Message } from "../../../src/wire/dhcp4/message.js";
import { Client, rapidCommit } from "../../support/dhcp4-lab.js";
import { between, chance } from "./odds.js";
import type { World } from "./world.js";

type State = "init" | "selecting" | "requesting" | "rebooting" | "bound" | "renewing" | "rebinding";

/**
 * A client as RFC 2131 §4.4 has it (figure 5). It *believes* in its address from the ACK on until the lease ends, counted from
 * the moment when it asked: that is the promise that the server must keep.
 */
export class SimClient {
  readonly world: World;
  readonly link: Link;
  #voice: Client;
  #state: State = "init";
  #address = 0;
  #leaseMs = 0;
  #xid = 0;
  #askedMs = 0;
  #boundMs = 0;
  #tries = 0;
  #timer: Timer | undefined;
  believesUntilMs = 0;

  constructor(world: World, link: Link, mac: number) {
    this.world = world;
    this.link = link;
    this.#voice = new Client(mac);
  }

  get mac(): number {
    return this.#voice.mac;
  }

  get address(): number {
    return this.#address;
  }

  get state(): State {
    return this.#state;
  }

  believes(nowMs: number): boolean {
    return this.believesUntilMs > nowMs;
  }

  start(): void {
    this.#enter("init");
  }

  /** An answer that found its way here. */
  receive(type: number, message: Dhcp4Message): void {
    if (message.xid !== this.#xid) return;
    if (type === MESSAGE.offer && this.#state === "selecting") this.#onOffer(message);
    else if (type === MESSAGE.ack && this.#state !== "init" && this.#state !== "bound") this.#onAck(message);
    else if (type === MESSAGE.nak && this.#state !== "selecting" && this.#state !== "bound") this.#enter("init");
  }

  #onOffer(offer: Dhcp4Message): void {
    this.#address = offer.yiaddr;
    this.#leaseMs = secondsOf(offer) * 1000;
    this.#enter("requesting");
  }

  #onAck(ack: Dhcp4Message): void {
    const { clock, random, odds } = this.world;
    if (this.#state === "selecting" && !ack.options?.some(({ code }) => code === OPTION.rapidCommit)) return;
    if (this.#state !== "selecting") assert.equal(ack.yiaddr, this.#address);
    this.#address = ack.yiaddr;
    this.#leaseMs = secondsOf(ack) * 1000;
    if (this.#state !== "renewing" && this.#state !== "rebinding" && chance(random, odds.decline)) {
      this.#send(this.#voice.decline(this.#address));
      this.#enter("init");
      return;
    }
    this.#boundMs = this.#askedMs;
    this.believesUntilMs = this.#boundMs + this.#leaseMs;
    if (this.believes(clock.nowMs())) this.world.onBelief(this);
    this.#enter("bound");
  }

  #enter(state: State): void {
    const { clock, random } = this.world;
    this.#state = state;
    this.#tries = 0;
    if (this.#timer !== undefined) clock.cancel(this.#timer);
    if (state === "bound") {
      this.#wait(this.#boundMs + this.#leaseMs / 2 - clock.nowMs(), () => this.#onRenewalTime());
    } else if (state === "init") {
      this.believesUntilMs = 0;
      this.#wait(between(random, 0, 3000), () => this.#enter("selecting"));
    } else {
      this.#ask();
    }
  }

  #onRenewalTime(): void {
    const { random, odds } = this.world;
    if (chance(random, odds.release)) {
      this.#send(this.#voice.release(this.#address), this.#address);
      this.#enter("init");
    } else if (chance(random, odds.reboot)) {
      this.believesUntilMs = 0;
      this.#enter("rebooting");
    } else if (chance(random, odds.reimage) && this.link.guest !== undefined) {
      this.#voice = this.world.newVoice(this);
      this.#enter("init");
    } else {
      this.#enter("renewing");
    }
  }

  /** Sends the message of the state, and again until an answer comes. */
  #ask(): void {
    const { clock, random } = this.world;
    const nowMs = clock.nowMs();
    this.#askedMs = nowMs;
    const message = this.#message();
    this.#xid = message.xid;
    this.#send(message, this.#state === "renewing" || this.#state === "rebinding" ? this.#address : 0);
    const waitMs = Math.min(64_000, 2000 * 2 ** this.#tries++) + between(random, 0, 1000);
    this.#wait(waitMs, () => this.#onSilence());
  }

  #onSilence(): void {
    const nowMs = this.world.clock.nowMs();
    if (this.#mayGoOn(nowMs)) {
      if (this.#state === "renewing" && nowMs > this.#boundMs + (this.#leaseMs * 7) / 8) this.#state = "rebinding";
      this.#ask();
    } else {
      this.#enter("init");
    }
  }

  #mayGoOn(nowMs: number): boolean {
    if (this.#state === "selecting") return true;
    return this.#state === "requesting" || this.#state === "rebooting" ? this.#tries < 4 : this.believes(nowMs);
  }

  #message(): Dhcp4Message {
    if (this.#state === "selecting") return this.#voice.discover(...(chance(this.world.random, 0.2) ? [rapidCommit] : []));
    if (this.#state === "rebooting") return this.#voice.reboot(this.#address);
    if (this.#state === "requesting") return this.#voice.selectAddress(this.#address);
    return this.#voice.renew(this.#address);
  }

  #send(message: Dhcp4Message, source = 0): void {
    this.world.toServer(this, message, source);
  }

  #wait(delayMs: number, run: () => void): void {
    this.#timer = this.world.clock.after(delayMs, run);
  }
}

function secondsOf(message: Dhcp4Message): number {
  const option = message.options?.find(({ code }) => code === OPTION.leaseTime);
  return option?.kind === "uint32" ? option.value : 0;
}
