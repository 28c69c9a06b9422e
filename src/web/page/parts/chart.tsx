/** A chart of what a guest sends and receives: uplot, which is fetched when the first one is shown. */
import { useEffect, useRef } from "preact/hooks";
import type uPlot from "uplot";
import { formatBytes } from "../../../base/sizes.js";
import type { Series } from "../state/rates.js";
import { trafficTurn } from "../state/traffic.js";
import { formatRate } from "./texts.js";

const HEIGHT = 240;
/** An empty chart of a second would be all axis. */
const LEAST_SECONDS = 60;

export function TrafficChart(props: { series: Series | undefined }) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | undefined>(undefined);
  const series = useRef(props.series);
  series.current = props.series;

  useEffect(() => {
    const { current: element } = place;
    if (element === null) return undefined;
    let gone = false;
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const observer = new ResizeObserver(() => chart.current?.setSize({ width: element.clientWidth, height: HEIGHT }));
    const draw = async (): Promise<void> => {
      const { default: UPlot } = await import("uplot");
      if (gone) return;
      chart.current?.destroy();
      chart.current = new UPlot(chartOptions(element), dataOf(series.current), element);
    };
    const redraw = (): void => void draw();
    redraw();
    observer.observe(element);
    scheme.addEventListener("change", redraw);
    return () => {
      gone = true;
      observer.disconnect();
      scheme.removeEventListener("change", redraw);
      chart.current?.destroy();
      chart.current = undefined;
    };
  }, []);

  const turn = trafficTurn.value;
  useEffect(() => chart.current?.setData(dataOf(series.current)), [turn]);
  return <div class="chart" ref={place} role="img" aria-label="sent and received over time; the newest numbers are above" />;
}

function dataOf(series: Series | undefined): uPlot.AlignedData {
  if (series === undefined) return [[], [], []];
  return [series.times, series.values[0], series.values[1]];
}

function chartOptions(element: HTMLElement): uPlot.Options {
  const style = getComputedStyle(element);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  const time = (seconds: number): string => clock.format(seconds * 1000);
  const axis = {
    stroke: colour("--muted"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
    font: "12px system-ui",
  };
  const line = (label: string, name: string): uPlot.Series => ({
    label,
    stroke: colour(`--${name}`),
    fill: colour(`--${name}-soft`),
    width: 1.5,
    points: { show: false },
    value: (_, value) => formatRate(value ?? undefined),
  });
  return {
    width: element.clientWidth,
    height: HEIGHT,
    cursor: { y: false, drag: { x: true, y: false } },
    scales: {
      x: { range: (_, from, to) => [Math.min(from, to - LEAST_SECONDS), to] },
      y: { range: (_, __, to) => [0, Math.max(1000, to * 1.1)] },
    },
    axes: [
      { ...axis, size: 34, space: 80, values: (_, marks) => marks.map(time) },
      { ...axis, size: 76, values: (_, marks) => marks.map((mark) => (mark === 0 ? "0" : `${formatBytes(mark)}/s`)) },
    ],
    series: [
      { label: "at", value: (_, value) => (value === null ? "–" : time(value)) },
      line("sent", "sent"),
      line("received", "received"),
    ],
  };
}
