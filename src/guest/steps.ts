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
      await undo(
        groups.slice(0, index + 1).flatMap<Step>((each) => each.steps),
        targets,
      );
      throw error;
    }
  }
}

/** Undoes all steps, last first, going on after failures, which `onUndoFailure` is told. */
export async function undo(steps: readonly Step[], targets: StepTargets): Promise<void> {
  for (const group of grouped(steps.toReversed())) await undoGroup(group, targets);
}

/** Neighbouring steps on the same target; at least one. Those of services go one by one. */
type Group =
  | { readonly on: "kernel"; readonly steps: KernelStep[] }
  | { readonly on: "guard"; readonly steps: GuardStep[] }
  | { readonly on: "service"; readonly steps: readonly [ServiceStep] };

function grouped(steps: readonly Step[]): Group[] {
  const groups: Group[] = [];
  for (const step of steps) {
    const last = groups.at(-1);
    if (step.on === "service") groups.push({ on: "service", steps: [step] });
    else if (step.on === "kernel" && last?.on === "kernel") last.steps.push(step);
    else if (step.on === "guard" && last?.on === "guard") last.steps.push(step);
    else groups.push(step.on === "kernel" ? { on: "kernel", steps: [step] } : { on: "guard", steps: [step] });
  }
  return groups;
}

async function doGroup(group: Group, { kernel, firewall }: StepTargets): Promise<void> {
  if (group.on === "service") {
    await group.steps[0].do();
    return;
  }
  let failure: Error | undefined;
  if (group.on === "kernel") {
    const batch = kernel.batch();
    for (const step of group.steps) step.do(batch);
    failure = batch.send()[0]?.error;
  } else {
    const batch = firewall.batch();
    for (const step of group.steps) step.do(batch);
    failure = batch.send();
  }
  if (failure !== undefined) throw failure;
}

async function undoGroup(group: Group, targets: StepTargets): Promise<void> {
  const [first] = group.steps;
  if (group.on === "service") {
    await undoService(group.steps[0], targets);
  } else if (group.on === "kernel") {
    const batch = targets.kernel.batch();
    for (const step of group.steps) step.undo(batch);
    for (const { error } of batch.send()) targets.onUndoFailure(first, error);
  } else {
    const batch = targets.firewall.batch();
    for (const step of group.steps) step.undo(batch);
    const failure = batch.send();
    if (failure !== undefined) targets.onUndoFailure(first, failure);
  }
}

async function undoService(step: ServiceStep, targets: StepTargets): Promise<void> {
  try {
    await step.undo();
  } catch (error) {
    targets.onUndoFailure(step, error);
  }
}
