/** Which frames lie in a slab: row n is `length[n]` bytes from `offset[n]`, of or for `port[n]`. */
export interface FrameColumns {
  /** The three columns one behind the other, as one piece of memory: what is handed to native code. */
  readonly columns: Uint8Array;
  readonly port: Uint32Array;
  readonly offset: Uint32Array;
  readonly length: Uint32Array;
}

/** Columns for so many frames. */
export function frameColumns(rows: number): FrameColumns {
  const memory = new ArrayBuffer(12 * rows);
  return {
    columns: new Uint8Array(memory),
    port: new Uint32Array(memory, 0, rows),
    offset: new Uint32Array(memory, 4 * rows, rows),
    length: new Uint32Array(memory, 8 * rows, rows),
  };
}
