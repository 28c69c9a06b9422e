/**
 * One thing that a codec does, done by us and by each rival: a file of `bench/micro/` exports `cases: MicroCase[]`.
 *
 * The functions of one case must do the same work on the same bytes; each is called once before the clock starts and must not
 * throw. They are called millions of times: build inputs outside.
 */
export interface MicroCase {
  /** What is done: `parse DISCOVER, 14 options`. */
  readonly name: string;
  /** What one call counts as, plural; `operations` where it is not given. */
  readonly unit?: string;
  /** System → one operation. Ours is called `tapnet`; a package goes by its package name (`dhcp`, `dns-packet`). */
  readonly systems: Readonly<Record<string, () => void>>;
}
