import type { Firewall, Kernel, RouteBatch, StationBatch } from "../network/kernel.js";

/**
 * One part of attaching a guest. `undo` leaves nothing of what `do` made, also when that was carried out only in part, and
 * succeeds where there is nothing to take back.
 */
export type Step = KernelStep | GuardStep | ServiceStep;

/** Adds its requests to a batch; neighbouring steps go to the kernel in one system call. */
export interface KernelStep {
  readonly on: "kernel";
  /** In words, for errors: `add route 10.77.0.5 to tn-web1`. */
  readonly describe: string;
  do(batch: RouteBatch): void;
  undo(batch: RouteBatch): void;
}

/** As a kernel step; the packet filter carries out a batch as a whole or not at all. */
export interface GuardStep {
  readonly on: "guard";
  readonly describe: string;
  do(batch: StationBatch): void;
  undo(batch: StationBatch): void;
}

export interface ServiceStep {
  readonly on: "service";
  readonly describe: string;
  do(): void | Promise<void>;
  undo(): void | Promise<void>;
}

export interface StepTargets {
  readonly kernel: Kernel;
  readonly firewall: Firewall;
  /** A step that could not be undone: what it made may still be there. */
  onUndoFailure(step: Step, error: unknown): void;
}

/** Carries out all steps in order. When one fails, it and those before it are undone, last first, and its error is thrown. */
export async function carryOut(steps: readonly Step[], targets: StepTargets): Promise<void> {
  const groups = grouped(steps);
  for (const [index, group] of groups.entries()) {
    try {
      await doGroup(group, targets);
    } catch (error) {
      await undo(groups.slice(0, index + 1).flat(), targets);
      throw error;
    }
  }
}

/** Undoes all steps, last first, going on after failures, which `onUndoFailure` is told. */
export async function undo(steps: readonly Step[], targets: StepTargets): Promise<void> {
  for (const group of grouped(steps.toReversed())) await undoGroup(group, targets);
}

/** Neighbouring steps on the same target, but for services: those go one by one. */
function grouped(steps: readonly Step[]): Step[][] {
  const groups: Step[][] = [];
  for (const step of steps) {
    const last = groups.at(-1);
    if (last !== undefined && last[0].on === step.on && step.on !== "service") last.push(step);
    else groups.push([step]);
  }
  return groups;
}

async function doGroup(group: readonly Step[], { kernel, firewall }: StepTargets): Promise<void> {
  const routes = kernel.batch();
  const stations = firewall.batch();
  for (const step of group) {
    if (step.on === "kernel") step.do(routes);
    else if (step.on === "guard") step.do(stations);
    else await step.do();
  }
  const failure = routes.send()[0]?.error ?? stations.send();
  if (failure !== undefined) throw failure;
}

async function undoGroup(group: readonly Step[], targets: StepTargets): Promise<void> {
  const routes = targets.kernel.batch();
  const stations = targets.firewall.batch();
  for (const step of group) {
    if (step.on === "kernel") step.undo(routes);
    else if (step.on === "guard") step.undo(stations);
    else await undoService(step, targets);
  }
  for (const { error } of routes.send()) targets.onUndoFailure(group[0], error);
  const failure = stations.send();
  if (failure !== undefined) targets.onUndoFailure(group[0], failure);
}

async function undoService(step: ServiceStep, targets: StepTargets): Promise<void> {
  try {
    await step.undo();
  } catch (error) {
    targets.onUndoFailure(step, error);
  }
}
