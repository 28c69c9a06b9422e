import assert from "node:assert/strict";
import { test } from "node:test";
import { errnoName } from "../../../src/os/errno.js";

test("names are the kernel's, the usual one where there are two", () => {
  const rows: [number, string][] = [
    [1, "EPERM"],
    [11, "EAGAIN"],
    [16, "EBUSY"],
    [77, "EBADFD"],
    [95, "EOPNOTSUPP"],
    [105, "ENOBUFS"],
    [524, "ENOTSUPP"],
    [3999, "E3999"],
  ];
  for (const [errno, name] of rows) assert.equal(errnoName(errno), name);
});
