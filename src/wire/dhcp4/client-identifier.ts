/** Client identifier (RFC 2132 §9.14): a hardware type and address, or type 255 with an IAID and a DUID (RFC 4361 §6.1). */

const TYPE_DUID = 255;
const IAID_BYTES = 4;

export type ClientIdentifier =
  | { readonly form: "hardware"; readonly hardwareType: number; readonly address: Uint8Array }
  | { readonly form: "duid"; readonly iaid: number; readonly duid: Uint8Array };

/** Undefined when shorter than two octets (RFC 2132 §9.14). Anything else identifies a client, whatever is in it. */
export function parse(value: Uint8Array): ClientIdentifier | undefined {
  if (value.length < 2) return undefined;
  if (value[0] !== TYPE_DUID || value.length <= 1 + IAID_BYTES) {
    return { form: "hardware", hardwareType: value[0], address: value.slice(1) };
  }
  const iaid = new DataView(value.buffer, value.byteOffset).getUint32(1);
  return { form: "duid", iaid, duid: value.slice(1 + IAID_BYTES) };
}

export function emit(id: ClientIdentifier): Uint8Array {
  if (id.form === "hardware") return Uint8Array.of(id.hardwareType, ...id.address);
  const value = new Uint8Array(1 + IAID_BYTES + id.duid.length);
  value[0] = TYPE_DUID;
  new DataView(value.buffer).setUint32(1, id.iaid);
  value.set(id.duid, 1 + IAID_BYTES);
  return value;
}
