/** The control API: server, client, and the protocol of QEMU's hooks. */
export { type AccessEntry, AccessList } from "./access.js";
export { type Account, type Accounts, hostAccounts } from "./accounts.js";
export type {
  Answer,
  AttachRequest,
  ControlApi,
  DnsLogRequest,
  EventListener,
  ForwardRequest,
  GuestFilter,
  LeaseFilter,
  LinkFilter,
  MacRequest,
  MakeTapRequest,
  SocketKind,
  TenureFilter,
} from "./api.js";
export { ControlClient } from "./client.js";
export * from "./hook-protocol.js";
export {
  type HelperRequest,
  type HookApi,
  type HookCall,
  type HookListener,
  HookServer,
  type Peer,
  type TapGrant,
} from "./hook-server.js";
export { controlSocket, DEFAULT_RUN_DIRECTORY, findRunDirectory, hookSocket, ownRunDirectories, relaySocket } from "./paths.js";
export { ControlServer, type ControlServerOptions } from "./server.js";
export type * from "./views.js";
