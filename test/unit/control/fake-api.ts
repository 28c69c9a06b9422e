import { TapnetError } from "../../../src/base/errors.js";
import type { ControlApi, EventListener } from "../../../src/control/index.js";
import type { ForwardView, GuestView } from "../../../src/control/views.js";

const WEB1: GuestView = {
  name: "web1",
  network: "default",
  state: "attached",
  ifname: "tn-web1",
  mac: "52:54:00:12:34:56",
  ipv4: ["10.77.0.10"],
  ipv6: [],
  public: [],
  names: ["web1.tapnet.internal"],
  attachedAt: "2025-01-31T12:00:00.000Z",
  sent: { packets: 3, bytes: 1234 },
  received: { packets: 4, bytes: 5_678_901 },
};

const WEB1_FORWARD: ForwardView = {
  guest: "web1",
  forward: "8080:80/tcp",
  protocol: "tcp",
  address: null,
  firstPort: 8080,
  lastPort: 8080,
  guestPort: 80,
  source: "live",
  ipv4: "10.77.0.10",
  ipv6: null,
};

/** A daemon that knows one guest, and keeps what it was asked. */
export class FakeApi implements ControlApi {
  readonly asked: unknown[] = [];
  readonly listeners = new Set<EventListener>();

  version(): ReturnType<ControlApi["version"]> {
    return { version: "0.1.0", pid: process.pid, node: process.version };
  }
  status(): ReturnType<ControlApi["status"]> {
    return {
      version: "0.1.0",
      pid: process.pid,
      startedAt: "2025-01-31T12:00:00.000Z",
      configuration: "embedded default",
      rootless: false,
      networks: 1,
      guests: { attached: 1, configured: 0 },
      leases: { bound: 1, declined: 0 },
      warnings: [],
      counters: { frames: { received: 12 } },
    };
  }
  networks(): ReturnType<ControlApi["networks"]> {
    return [
      {
        name: "default",
        kind: "nat",
        ipv4: "10.77.0.0/24",
        gatewayIpv4: "10.77.0.1",
        ipv6: null,
        gatewayMac: "52:54:00:ff:ff:01",
        uplink: null,
        domain: "tapnet.internal",
        mtu: 1500,
        dataplane: "kernel",
        serves: [],
        guestsAttached: 1,
        leasesBound: 1,
        poolSize: 253,
      },
    ];
  }
  forwards(guest: string | undefined): ReturnType<ControlApi["forwards"]> {
    this.asked.push({ guest });
    return [WEB1_FORWARD];
  }
  addForward(request: Parameters<ControlApi["addForward"]>[0]): ReturnType<ControlApi["addForward"]> {
    this.asked.push(request);
    return WEB1_FORWARD;
  }
  removeForward(guest: string, forward: string): ReturnType<ControlApi["removeForward"]> {
    this.asked.push({ guest, forward });
    return WEB1_FORWARD;
  }
  guests(filter: Parameters<ControlApi["guests"]>[0]): ReturnType<ControlApi["guests"]> {
    this.asked.push(filter);
    return [WEB1];
  }
  traffic(names: Parameters<ControlApi["traffic"]>[0]): ReturnType<ControlApi["traffic"]> {
    this.asked.push(names);
    const guest = { guest: "web1", network: "default", sent: { packets: 3, bytes: 1234 }, received: { packets: 4, bytes: 5678 } };
    return { at: "2025-01-31T12:00:00.000Z", guests: [{ ...guest, spoofed: 2 }], dropped: { spoofed: 2 } };
  }
  async attach(request: Parameters<ControlApi["attach"]>[0]): Promise<GuestView> {
    this.asked.push(request);
    if (request.ifname === "tn-none") throw new TapnetError("NOT_FOUND", "there is no interface tn-none");
    if (request.ifname === "tn-bug") throw new RangeError("a mistake in the program");
    return WEB1;
  }
  detach(guest: string): GuestView {
    this.asked.push(guest);
    return { ...WEB1, name: guest, state: "configured" };
  }
  mac(request: Parameters<ControlApi["mac"]>[0]): ReturnType<ControlApi["mac"]> {
    this.asked.push(request);
    return { guest: request.guest, network: "default", mac: "52:54:00:12:34:56", known: true };
  }
  links(filter: Parameters<ControlApi["links"]>[0]): ReturnType<ControlApi["links"]> {
    this.asked.push(filter);
    const speed = { queues: 1, queuesWanted: 4, multiQueue: false, vnetHeader: true, offloads: ["checksum", "tso4"] };
    return [{ guest: "web1", network: "default", ifname: "tn-web1", mtu: 1500, persistent: false, socket: null, ...speed }];
  }
  makeTap(request: Parameters<ControlApi["makeTap"]>[0]): ReturnType<ControlApi["makeTap"]> {
    this.asked.push(request);
    return { guest: { ...WEB1, name: request.guest }, qemu: ["-netdev", "tap,id=net0,ifname=tn-web1"] };
  }
  removeTap(guest: string): GuestView {
    this.asked.push(guest);
    return { ...WEB1, name: guest, state: "configured" };
  }
  leases(filter: Parameters<ControlApi["leases"]>[0]): ReturnType<ControlApi["leases"]> {
    this.asked.push(filter);
    return [
      {
        network: "default",
        address: "10.77.0.10",
        state: "bound",
        identity: "guest:web1",
        mac: "52:54:00:12:34:56",
        clientId: null,
        hostname: "web1",
        boundAt: "2025-01-31T12:00:00.000Z",
        renewedAt: "2025-01-31T12:30:00.000Z",
        expiresAt: null,
      },
    ];
  }
  async releaseLease(address: string, network: string | undefined): Promise<Awaited<ReturnType<ControlApi["releaseLease"]>>> {
    this.asked.push([address, network]);
    const [lease] = await this.leases({});
    return { ...lease, address, state: "released" };
  }
  leaseHistory(filter: Parameters<ControlApi["leaseHistory"]>[0]): ReturnType<ControlApi["leaseHistory"]> {
    this.asked.push(filter);
    return [];
  }
  importLeases(leases: Parameters<ControlApi["importLeases"]>[0]): ReturnType<ControlApi["importLeases"]> {
    this.asked.push(leases);
    return { imported: leases.length, refused: [] };
  }
  dnsNames(network: string | undefined): ReturnType<ControlApi["dnsNames"]> {
    this.asked.push(network);
    return [
      { name: "web1.tapnet.internal", type: "A", value: "10.77.0.10", ttlSeconds: 60, network: "default", source: "lease" },
    ];
  }
  dnsQuery(name: string, type: string, network: string | undefined): ReturnType<ControlApi["dnsQuery"]> {
    this.asked.push([name, type, network]);
    return {
      name,
      type,
      status: "NOERROR",
      answers: [{ name, type, ttlSeconds: 60, value: "10.77.0.10" }],
      from: "local",
      elapsedMs: 0.2,
    };
  }
  dnsFlush(name: string | undefined): ReturnType<ControlApi["dnsFlush"]> {
    this.asked.push(name);
    return { flushed: 3 };
  }
  dnsStats(): ReturnType<ControlApi["dnsStats"]> {
    return { queries: 12, hits: 9 };
  }
  dnsLogs(): ReturnType<ControlApi["dnsLogs"]> {
    return [{ network: "default", guest: "web1", on: true }];
  }
  setDnsLog(request: Parameters<ControlApi["setDnsLog"]>[0]): ReturnType<ControlApi["setDnsLog"]> {
    this.asked.push(request);
    return { network: request.network ?? "default", guest: request.guest ?? null, on: request.on };
  }
  configuration(): ReturnType<ControlApi["configuration"]> {
    return { networks: { default: { kind: "nat", ipv4: "10.77.0.0/24" } } };
  }
  subscribe(listener: EventListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
