/**
 * How long the server took for each exchange that ended in an ACK, read off `tcpdump -tt -v`: from DISCOVER to OFFER plus from
 * REQUEST to ACK, by transaction. The time that the client took in between is not the server's.
 */
export function serverTimesMs(capture: string): Map<string, number> {
  const askedAt = new Map<string, number>();
  const offered = new Map<string, number>();
  const done = new Map<string, number>();
  for (const packet of capture.split(/^(?=\d+\.\d+ )/m)) {
    const atSeconds = Number(/^\d+\.\d+/.exec(packet)?.[0]);
    const xid = /xid (0x[0-9a-f]+)/.exec(packet)?.[1];
    const type = /DHCP-Message \(53\), length 1: (\w+)/.exec(packet)?.[1];
    if (xid === undefined || type === undefined) continue;
    const question = { Offer: "Discover", ACK: "Request" }[type];
    if (question === undefined) {
      if (!askedAt.has(`${xid} ${type}`)) askedAt.set(`${xid} ${type}`, atSeconds);
      continue;
    }
    const asked = askedAt.get(`${xid} ${question}`);
    const sums = type === "ACK" ? done : offered;
    if (asked !== undefined) sums.set(xid, (offered.get(xid) ?? 0) + (atSeconds - asked) * 1000);
    askedAt.delete(`${xid} ${question}`);
  }
  return done;
}
