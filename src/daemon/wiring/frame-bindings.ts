import type { DatagramService } from "../../frame/datagram.js";
import type { FrameBindings } from "../../frame/frame-path.js";
import { DNS_PORT } from "./dns.js";

const DHCP4_PORT = 67;

/**
 * What one guest may ask of each service. A guest that boots sends two DHCP messages; one that floods gets so many served and no
 * more, so that others have their turn.
 */
const BUDGET = {
  dhcp4: { burst: 64, perSecond: 128 },
  dns: { burst: 4000, perSecond: 20_000 },
} as const;

export interface FrameServices {
  readonly dhcp4: DatagramService;
  readonly dns: DatagramService;
}

/** Which frames go to which service. */
export function frameBindings({ dhcp4, dns }: FrameServices): FrameBindings {
  return {
    datagrams: [
      { family: 4, port: DHCP4_PORT, reach: "link", service: dhcp4, budget: BUDGET.dhcp4 },
      { family: 4, port: DNS_PORT, reach: "gateway", service: dns, budget: BUDGET.dns },
    ],
    packets: [],
  };
}
