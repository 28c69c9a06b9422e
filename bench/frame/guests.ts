/** The guests of benchmarks that attach many: `tn-b17` is the TAP of guest 17. What scripts derive from that name is the same. */
const PER_OCTET = 250;

export function addressOf(number: number): string {
  return `10.77.${Math.floor(number / PER_OCTET)}.${(number % PER_OCTET) + 2}`;
}

export function macOf(number: number): string {
  return `52:54:00:77:${(0x1_0000 + number).toString(16).slice(1).replace(/^../, "$&:")}`;
}

export function tapOf(number: number): string {
  return `tn-b${number}`;
}

/** The section `guests:` of a configuration that gives each of them its address, and what is its own. */
export function guestSection(most: number, more: (number: number) => string = () => ""): string {
  const guests = Array.from({ length: most }, (_, index) => {
    const number = index + 1;
    return `  b${number}: { mac: "${macOf(number)}", ipv4: ${addressOf(number)}${more(number)} }`;
  });
  return `guests:\n${guests.join("\n")}\n`;
}
