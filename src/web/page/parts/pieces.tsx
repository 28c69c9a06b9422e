/** Small pieces that every view uses. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { formatCount } from "./texts.js";

export function Panel(props: { title?: string; aside?: ComponentChildren; class?: string; children: ComponentChildren }) {
  const { title, aside, children } = props;
  return (
    <section class={`panel ${props.class ?? ""}`}>
      {title !== undefined && (
        <header class="panel-head">
          <h2>{title}</h2>
          {aside}
        </header>
      )}
      {children}
    </section>
  );
}

/** What to do where there is nothing yet. */
export function Empty(props: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{props.title}</p>
      {props.children}
    </div>
  );
}

/** While the first answer is awaited: nothing jumps when it comes. */
export function Waiting() {
  return (
    <div class="waiting" role="status" aria-label="loading">
      <span />
      <span />
      <span />
    </div>
  );
}

/** A line to be typed elsewhere, with a button that copies it. */
export function Command(props: { text: string }) {
  const [said, setSaid] = useState("copy");
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(props.text);
      setSaid("copied");
    } catch {
      // Without a right to the clipboard: it can be selected.
      setSaid("select it");
    }
    setTimeout(() => setSaid("copy"), 2000);
  };
  return (
    <div class="command">
      <code>{props.text}</code>
      <button type="button" class="quiet" aria-live="polite" onClick={() => void copy()}>
        {said}
      </button>
    </div>
  );
}

const FULL_SHARE = 0.9;

/** How much of something is used. */
export function Bar(props: { used: number; total: number; label: string }) {
  const { used, total, label } = props;
  const share = total === 0 ? 0 : Math.min(1, used / total);
  return (
    // biome-ignore lint/a11y/useSemanticElements: browsers draw <meter> in colours of their own
    <div
      class={`bar ${share >= 1 ? "bar-full" : share >= FULL_SHARE ? "bar-high" : ""}`}
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={total}
      aria-valuenow={used}
      aria-valuetext={`${formatCount(used)} of ${formatCount(total)}`}
    >
      {used > 0 && <span style={{ width: `${share * 100}%` }} />}
    </div>
  );
}

export function State(props: { state: string }) {
  return (
    <span class={`state state-${props.state}`}>
      <i aria-hidden="true" />
      {props.state}
    </span>
  );
}

/** Names and values; what is absent is left out. */
export function Facts(props: { rows: readonly (readonly [name: string, value: ComponentChildren])[] }) {
  const present = props.rows.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return (
    <dl class="facts">
      {present.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Addresses below each other: IPv4 first, IPv6 quieter. */
export function Addresses(props: { ipv4: readonly string[]; ipv6: readonly string[]; public?: readonly string[] }) {
  const { ipv4, ipv6, public: publics = [] } = props;
  if (ipv4.length + ipv6.length + publics.length === 0) return <span class="muted">none yet</span>;
  return (
    <span class="addresses">
      {[...publics, ...ipv4].map((address) => (
        <code key={address}>{address}</code>
      ))}
      {ipv6.map((address) => (
        <code key={address} class="muted">
          {address}
        </code>
      ))}
    </span>
  );
}
