import type { Dhcp4Network } from "../../../src/services/dhcp4/network.js";
import { ip, NETWORK, prefix } from "../../support/dhcp4-lab.js";

/** What the transcripts were made with: leases short enough to be renewed in them, and something of every common option. */
export const GOLDEN_NETWORK: Dhcp4Network = {
  ...NETWORK,
  leaseSeconds: 20,
  routes: [{ to: prefix("192.0.2.0/24"), via: undefined }],
  options: [
    { code: 42, bytes: Uint8Array.of(10, 77, 0, 1), always: false },
    { code: 114, bytes: Buffer.from("https://portal.example/"), always: false },
    { code: 252, bytes: Buffer.from("http://wpad.example/wpad.dat"), always: false },
  ],
  classes: [
    {
      name: "iPXE",
      match: {
        vendor: undefined,
        user: "iPXE",
        architectures: undefined,
        macPrefix: undefined,
        circuitId: undefined,
        remoteId: undefined,
      },
      leaseSeconds: undefined,
      ranges: undefined,
      options: [],
      boot: { server: ip("10.77.0.1"), file: "http://boot.example/menu.ipxe", serverName: "" },
    },
    {
      name: "PXE",
      match: {
        vendor: "PXEClient*",
        user: undefined,
        architectures: [0],
        macPrefix: undefined,
        circuitId: undefined,
        remoteId: undefined,
      },
      leaseSeconds: undefined,
      ranges: undefined,
      options: [],
      boot: { server: ip("10.77.0.1"), file: "undionly.kpxe", serverName: "" },
    },
  ],
};
