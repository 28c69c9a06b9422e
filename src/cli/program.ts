import { Command, CommanderError, Option } from "commander";
import { errorMessage, TapnetError } from "../base/errors.js";
import { packageVersion } from "../control/package.js";
import { findRunDirectory } from "../control/paths.js";
import { LEASE_STATES } from "../control/views.js";
import type { Context } from "./context.js";
import { EXIT, exitCodeOf } from "./exit-codes.js";
import type { Terminal } from "./terminal.js";

/**
 * Every command of `tapnet`, with what its help says. What a command does is imported when it runs: the start of the program is
 * paid by each call, also by a shell that completes a name.
 */

interface Outcome {
  exitCode: number;
}

/** Loads a command and runs it: `(context, ...arguments, options)`. */
type Loader = () => Promise<(context: Context, ...values: never[]) => Promise<number | undefined>>;

const EXAMPLES = `
Examples:
  tapnet status                       is the daemon there, and is all well
  tapnet guest list                   guests with their addresses
  tapnet forward add web1 8080:80     a port of this host leads to a guest
  tapnet lease history 10.77.0.10     who had this address, and when
  tapnet dns query web1               what a guest's name resolves to
  tapnet config check ./tapnet.yaml   every mistake with its line
  tapnet capture web1 port 53         what a guest sends and gets
  tapnet web                          all of it in a browser
  tapnet doctor                       what on this host stands in the way

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the daemon is not reachable, 4 not allowed.
The manual: tapnet(1), tapnetd(8), tapnet.yaml(5), qemu-ifup(8).`;

/** Runs one command line; gives the exit code. Nothing is thrown. */
export async function runProgram(args: readonly string[], terminal: Terminal, environment: NodeJS.ProcessEnv): Promise<number> {
  const outcome: Outcome = { exitCode: EXIT.done };
  // Looked for by hand, because a mistake may stand before it.
  const json = args.includes("--json");
  const program = buildProgram(terminal, environment, outcome, json);
  try {
    await program.parseAsync(args, { from: "user" });
    return outcome.exitCode;
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) return fail(thrown, terminal, json);
    if (thrown.exitCode === 0) return EXIT.done;
    if (json) return fail(new TapnetError("USAGE", usageMessage(thrown)), terminal, json);
    return EXIT.usage;
  }
}

/** Wrong usage in one line; commander has printed it for people already. */
function usageMessage({ code, message }: CommanderError): string {
  if (code === "commander.help") return "a command is missing; see: tapnet help";
  return message.replace(/^error: /, "").replaceAll("\n", " ");
}

function fail(thrown: unknown, terminal: Terminal, json: boolean): number {
  const code = thrown instanceof TapnetError ? thrown.code : "INTERNAL";
  const message = errorMessage(thrown);
  if (json) terminal.note(JSON.stringify({ error: { code, message } }));
  else terminal.note(`${terminal.paint("red", "tapnet:")} ${message}`);
  return exitCodeOf(code);
}

/** The tree of commands. Exported for the tests that hold manual and completions against it. */
export function buildProgram(
  terminal: Terminal,
  environment: NodeJS.ProcessEnv,
  outcome: Outcome = { exitCode: EXIT.done },
  json = false,
): Command {
  const program = new Command("tapnet");
  program
    .description("The network of virtual machines on this host: guests, leases, names, and what is wrong.")
    .option("--json", "print the answer as JSON")
    .option(
      "--run <dir>",
      "where the daemon's sockets are; also $TAPNET_RUN",
      findRunDirectory(environment, process.getuid?.() ?? 0),
    )
    .option("-V, --version", "print the version of this program")
    .on("option:version", () => {
      terminal.print(`tapnet ${packageVersion()}`);
      throw new CommanderError(EXIT.done, "commander.version", "the version was printed");
    })
    .helpOption("-h, --help", "show this, or the help of a command")
    .helpCommand(false)
    .addHelpText("after", EXAMPLES)
    .configureHelp({ showGlobalOptions: true, sortOptions: false, styleTitle: (title) => terminal.paint("bold", title) })
    .configureOutput({
      writeOut: (text) => terminal.print(text.trimEnd()),
      writeErr: (text) => (json ? undefined : terminal.note(text.trimEnd())),
      outputError: (text, write) => write(text.replace(/^error: /, `${terminal.paint("red", "tapnet:")} `)),
      getOutHasColors: () => terminal.colours,
      getErrHasColors: () => terminal.colours,
    })
    .showHelpAfterError("Try: tapnet help")
    .exitOverride();

  const makeContext = (): Context => ({
    terminal,
    json: program.opts().json === true,
    runDirectory: program.opts().run,
    nowMs: Date.now(),
    client: async () => {
      const { ControlClient } = await import("../control/client.js");
      return new ControlClient(program.opts().run);
    },
  });
  const action = (load: Loader) => {
    return async (...values: unknown[]): Promise<void> => {
      const run = await load();
      // Commander appends the command itself, which no command needs.
      const exitCode = await run(makeContext(), ...(values.slice(0, -1) as never[]));
      outcome.exitCode = exitCode ?? EXIT.done;
    };
  };
  addOverview(program, action);
  addGuests(program, action);
  addForwards(program, action);
  addLeases(program, action);
  addNetworks(program, action);
  addDns(program, action);
  addConfig(program, action);
  refuseHelpOfNone(program);
  for (const command of program.commands) sayWhereHelpIs(command, "tapnet");
  for (const group of program.commands) if (group.commands.length > 0) addHelp(group, { hidden: true });
  addHelp(program, { hidden: false });
  return program;
}

/** `help` in front of the words of a command, for those who ask so: what is none is refused as it is without `help`. */
function addHelp(group: Command, options: { hidden: boolean }): void {
  group
    .command("help [command...]", options)
    .description("show the help of a command")
    .action(async (words: readonly string[]) => {
      let asked: Command | undefined = group;
      for (const word of words) {
        if (asked === undefined || asked.commands.length === 0) break;
        asked = asked.commands.find((each) => each.name() === word || each.aliases().includes(word));
      }
      if (asked === undefined) await group.parseAsync([...words], { from: "user" });
      else asked.outputHelp();
    });
}

/** `--help` behind a command that there is not would show the help of its group, as if there were. */
function refuseHelpOfNone(group: Command): void {
  group.on("beforeHelp", () => {
    const word = group.args.find((each) => !each.startsWith("-"));
    const isNone = group.commands.every((each) => each.name() !== word && !each.aliases().includes(word ?? ""));
    if (group.commands.length > 0 && word !== undefined && isNone)
      group.error(`error: unknown command '${word}'`, { code: "commander.unknownCommand" });
  });
}

/** Whoever uses a command wrongly is led to the help of that one. */
function sayWhereHelpIs(command: Command, before: string): void {
  const words = `${before} ${command.name()}`;
  command.showHelpAfterError(`Try: ${words} --help`);
  refuseHelpOfNone(command);
  for (const child of command.commands) sayWhereHelpIs(child, words);
}

type Action = (load: Loader) => (...values: unknown[]) => Promise<void>;

function addOverview(program: Command, action: Action): void {
  program
    .command("status")
    .description("the daemon, its networks, and what it wants you to know")
    .action(action(async () => (await import("./commands/status.js")).status));
  program
    .command("events [kinds...]")
    .description("what happens, as it happens; kinds like lease or guest.attached")
    .action(action(async () => (await import("./commands/events.js")).events));
  program
    .command("capture <guest> [filter...]")
    .description("the frames of a guest, as they pass; a filter like: port 53 and not arp")
    .option("-n, --network <name>", "only those of its port on this network")
    .option("-w, --write <file>", "into a pcapng file, for Wireshark and tcpdump; - for standard output")
    .option("-c, --count <number>", "end after so many frames")
    .option("--snap <bytes>", "keep so many bytes of each frame")
    .option("--rotate-size <size>", "another file when one has this size, like 10M")
    .option("--rotate-time <time>", "another file after this time, like 1h")
    .option("--keep <number>", "of files that rotate, keep the youngest")
    .action(action(async () => (await import("./commands/capture.js")).capture));
  program
    .command("web")
    .description("all of this as a page in your browser, served on the loopback until Ctrl-C")
    .option("--listen <address>", "where: 127.0.0.1:8080, or only a port; 0: any that is free", "127.0.0.1:0")
    .option("--read-only", "nothing can be changed from the page")
    .option("--expose", "let others than this host connect too, without encryption")
    .action(action(async () => (await import("./commands/web.js")).web));
  program
    .command("doctor")
    .description("look for what stands in the way on this host; changes nothing")
    .action(action(async () => (await import("./commands/doctor.js")).doctor));
  program
    .command("version")
    .description("the version of this program and of the daemon")
    .action(action(async () => (await import("./commands/version.js")).version));
}

function addGuests(program: Command, action: Action): void {
  const guest = program.command("guest").description("virtual machines").helpCommand(false);
  guest
    .command("list")
    .alias("ls")
    .description("guests that are attached or configured")
    .option("-n, --network <name>", "only those of this network")
    .option("-q, --quiet", "names only, one a line")
    .action(action(async () => (await import("./commands/guest-list.js")).guestList));
  guest
    .command("show <name>")
    .description("one guest, with its leases")
    .action(action(async () => (await import("./commands/guest-show.js")).guestShow));
  guest
    .command("add <name>")
    .description("make a TAP or a socket for a guest whose VMM makes none, and attach it")
    .option("-n, --network <name>", "its network, where the configuration does not say it")
    .option("-o, --owner <user>", "who may open the TAP beside root")
    .option("-q, --queues <number>", "how many queues it has, where the configuration does not say it")
    .option("-s, --socket [kind]", "a unix socket for QEMU instead of a TAP: dgram, or stream")
    .action(action(async () => (await import("./commands/guest-add.js")).guestAdd));
  guest
    .command("remove <name>")
    .alias("rm")
    .description("take away what guest add has made; the guest's lease stays")
    .action(action(async () => (await import("./commands/guest-remove.js")).guestRemove));
  guest
    .command("mac <name>")
    .description("print a MAC address for a guest: its own, or one that nobody has yet")
    .option("-n, --network <name>", "for which of its interfaces, where it has several")
    .action(action(async () => (await import("./commands/guest-mac.js")).guestMac));
  guest
    .command("attach <interface>")
    .description("give the guest behind a TAP its network, as qemu-ifup does")
    .option("-g, --guest <name>", "its name, where the TAP's name does not say it (tn-NAME)")
    .option("-n, --network <name>", "its network, where the configuration does not say it")
    .action(action(async () => (await import("./commands/guest-attach.js")).guestAttach));
  guest
    .command("detach <name>")
    .description("take a guest's network away; its lease stays")
    .action(action(async () => (await import("./commands/guest-detach.js")).guestDetach));
}

function addForwards(program: Command, action: Action): void {
  const forward = program.command("forward").description("ports of this host that lead to guests").helpCommand(false);
  forward
    .command("list")
    .alias("ls")
    .description("forwards, and where each leads to now")
    .option("-g, --guest <name>", "only those of this guest")
    .action(action(async () => (await import("./commands/forward-list.js")).forwardList));
  forward
    .command("add <guest> <forward>")
    .description("let a port lead to a guest: 8080:80, 53:53/udp, 192.0.2.1:8000-8010:8000")
    .option("-p, --permanent", "keep it over a restart of this host")
    .action(action(async () => (await import("./commands/forward-add.js")).forwardAdd));
  forward
    .command("remove <guest> <forward>")
    .alias("rm")
    .description("end a forward that was added; written as forward list shows it")
    .action(action(async () => (await import("./commands/forward-remove.js")).forwardRemove));
}

function addLeases(program: Command, action: Action): void {
  const lease = program.command("lease").description("addresses and who has them").helpCommand(false);
  lease
    .command("list")
    .alias("ls")
    .description("leases that are held now")
    .option("-n, --network <name>", "only those of this network")
    .option("-g, --guest <name>", "only those of this guest")
    .addOption(new Option("-s, --state <state>", "bound unless said").choices(LEASE_STATES))
    .action(action(async () => (await import("./commands/lease-list.js")).leaseList));
  lease
    .command("show <address>")
    .description("one lease in full")
    .action(action(async () => (await import("./commands/lease-show.js")).leaseShow));
  lease
    .command("release <address>")
    .description("end a lease, as if its client had given it back")
    .option("-n, --network <name>", "of this network")
    .action(action(async () => (await import("./commands/lease-release.js")).leaseRelease));
  lease
    .command("history [address]")
    .description("who had an address, and when")
    .option("-g, --guest <name>", "which addresses this guest had")
    .option("--at <time>", "at this moment, like 2025-01-31T12:00")
    .action(action(async () => (await import("./commands/lease-history.js")).leaseHistory));
  lease
    .command("export")
    .description("leases on stdout, in the form of another server")
    .addOption(new Option("-f, --format <format>", "of the output").choices(["json", "dnsmasq", "kea"]).default("json"))
    .option("-n, --network <name>", "only those of this network")
    .action(action(async () => (await import("./commands/lease-export.js")).leaseExport));
  lease
    .command("import <file>")
    .description("take over the leases of another server; - reads stdin")
    .addOption(
      new Option("-f, --format <format>", "of the file").choices(["auto", "json", "dnsmasq", "kea", "libvirt"]).default("auto"),
    )
    .option("--dry-run", "only say what was read")
    .action(action(async () => (await import("./commands/lease-import.js")).leaseImport));
}

function addNetworks(program: Command, action: Action): void {
  const net = program.command("net").alias("network").description("networks").helpCommand(false);
  net
    .command("list")
    .alias("ls")
    .description("networks with their prefixes and how full they are")
    .option("-q, --quiet", "names only, one a line")
    .action(action(async () => (await import("./commands/net-list.js")).netList));
  net
    .command("show <name>")
    .description("one network in full")
    .action(action(async () => (await import("./commands/net-show.js")).netShow));
}

function addDns(program: Command, action: Action): void {
  const dns = program.command("dns").description("names of guests, and the forwarder").helpCommand(false);
  dns
    .command("list")
    .alias("ls")
    .description("names that are answered here")
    .option("-n, --network <name>", "as seen from this network")
    .action(action(async () => (await import("./commands/dns-list.js")).dnsList));
  dns
    .command("query <name> [type]")
    .description("ask the daemon's DNS; A unless a type is given, the name of an address")
    .option("-n, --network <name>", "as a guest of this network")
    .action(action(async () => (await import("./commands/dns-query.js")).dnsQuery));
  dns
    .command("flush [name]")
    .description("forget what upstreams said, of one name or all")
    .action(action(async () => (await import("./commands/dns-flush.js")).dnsFlush));
  dns
    .command("stats")
    .description("questions, hits, failures")
    .action(action(async () => (await import("./commands/dns-stats.js")).dnsStats));
  dns
    .command("log [words...]")
    .usage("[GUEST on|off] [-n NETWORK on|off]")
    .description("write the questions of a guest to the daemon's log, or say whose are written")
    .option("-n, --network <name>", "of all guests of this network")
    .action(action(async () => (await import("./commands/dns-log.js")).dnsLog));
}

function addConfig(program: Command, action: Action): void {
  const config = program.command("config").description("the configuration").helpCommand(false);
  config
    .command("check [file]")
    .description("read a configuration and report every mistake; /etc/tapnet/tapnet.yaml unless said, or a user's own")
    .option("--rootless", "as tapnetd --rootless would read it; a user's own is so anyway")
    .action(action(async () => (await import("./commands/config-check.js")).configCheck));
  config
    .command("show [file]")
    .description("the configuration in effect with every default; of the daemon unless a file is given")
    .action(action(async () => (await import("./commands/config-show.js")).configShow));
  config
    .command("schema")
    .description("JSON Schema of the configuration, for editors")
    .action(action(async () => (await import("./commands/config-schema.js")).configSchema));
}
