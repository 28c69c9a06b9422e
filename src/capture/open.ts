import { errorMessage, SystemError, TapnetError } from "../base/errors.js";
import { emitHookRequest, parseHookReply } from "../control/hook-protocol.js";
import { hookSocket } from "../control/paths.js";
import { CaptureSocket } from "../os/capture-socket.js";
import { unixRequest } from "../os/unix-socket.js";

/**
 * A socket that sees the frames of a guest's port, from the daemon whose sockets are in this folder: it is in the right network
 * namespace and has the right to open one, also where it runs without root.
 *
 * TapnetError: `ABSENT`, `NOT_ALLOWED`, `NOT_FOUND`, `PROTOCOL`.
 */
export async function openCapture(runDirectory: string, ifname: string): Promise<CaptureSocket> {
  const path = hookSocket(runDirectory);
  const { message, descriptors } = await ask(path, ifname);
  const reply = parseHookReply(message);
  if ("problem" in reply) throw new TapnetError("PROTOCOL", `${reply.problem}; are tapnet and tapnetd of one version?`);
  if (!reply.ok) throw new TapnetError(reply.code, reply.message);
  const [descriptor] = descriptors;
  if (descriptor === undefined) throw new TapnetError("PROTOCOL", "tapnetd said ok, but its socket did not come along");
  return CaptureSocket.adopt(descriptor);
}

async function ask(path: string, ifname: string): ReturnType<typeof unixRequest> {
  try {
    return await unixRequest(path, emitHookRequest({ verb: "capture", ifname }));
  } catch (cause) {
    const code = cause instanceof SystemError ? cause.code : "";
    if (code === "ENOENT" || code === "ECONNREFUSED") {
      throw new TapnetError("ABSENT", `tapnetd is not running: nothing listens at ${path}; start it: systemctl start tapnetd`, {
        cause,
      });
    }
    throw new TapnetError("PROTOCOL", `cannot speak with tapnetd at ${path}: ${errorMessage(cause)}`, { cause });
  }
}
