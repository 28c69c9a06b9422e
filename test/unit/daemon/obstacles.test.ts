import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { explainRefusal } from "../../../src/daemon/rootless/obstacles.js";

const reader = (settings: Record<string, string>) => (path: string) => settings[path];

describe("why a machine makes no namespace for a user", () => {
  it("Debian's old switch", () => {
    const said = explainRefusal("unshare: EPERM", reader({ "kernel/unprivileged_userns_clone": "0\n" }));
    assert.match(said, /kernel\.unprivileged_userns_clone is 0\. As root: sysctl -w kernel\.unprivileged_userns_clone=1$/);
  });

  it("Ubuntu's AppArmor, and a limit of none, both", () => {
    const settings = { "kernel/apparmor_restrict_unprivileged_userns": "1\n", "user/max_user_namespaces": "0\n" };
    assert.match(
      explainRefusal("unshare: EPERM", reader(settings)),
      /apparmor_restrict_unprivileged_userns is 1 and user\.max_user_namespaces is 0\. As root: .*=0; sysctl -w user\.max_user/,
    );
  });

  it("nothing that can be seen: a container", () => {
    const settings = { "kernel/unprivileged_userns_clone": "1\n", "user/max_user_namespaces": "100\n" };
    assert.match(explainRefusal("unshare: EPERM", reader(settings)), /\(unshare: EPERM\): in a container/);
  });
});
