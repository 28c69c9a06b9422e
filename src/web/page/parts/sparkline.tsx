/** A line as small as a word: how a rate has been, without axes; the number stands beside it. */

const WIDTH = 96;
const HEIGHT = 24;
const MARGIN = 1.5;
const SECONDS = 60;
/** What moves less is noise and stays at the bottom. */
const LEAST_TOP = 1;

/** The points of a polyline over the last `seconds`: the newest at the right edge. */
export function sparkPoints(times: readonly number[], values: readonly number[], top: number, seconds: number): string {
  const last = times.at(-1) ?? 0;
  return times
    .flatMap((time, index) => {
      if (last - time > seconds) return [];
      const x = WIDTH * (1 - (last - time) / seconds);
      const y = HEIGHT - MARGIN - (values[index] / top) * (HEIGHT - 2 * MARGIN);
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    })
    .join(" ");
}

/** How far the last seconds reach back in a list: what is older is not looked at. */
function recent(times: readonly number[], seconds: number): number {
  const last = times.at(-1) ?? 0;
  let index = times.length;
  while (index > 0 && last - times[index - 1] <= seconds) index--;
  return index;
}

export function Sparkline(props: {
  times: readonly number[];
  lines: readonly { readonly name: string; readonly values: readonly number[] }[];
  seconds?: number;
}) {
  const { seconds = SECONDS } = props;
  const from = recent(props.times, seconds);
  const times = props.times.slice(from);
  const lines = props.lines.map(({ name, values }) => ({ name, values: values.slice(from) }));
  const top = Math.max(LEAST_TOP, ...lines.flatMap(({ values }) => values));
  return (
    <svg class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      {times.length > 1 &&
        lines.map(({ name, values }) => {
          const points = sparkPoints(times, values, top, seconds);
          const [first] = points.split(",", 1);
          return (
            <g key={name} class={`line-${name}`}>
              <polygon points={`${first},${HEIGHT} ${points} ${WIDTH},${HEIGHT}`} />
              <polyline points={points} />
            </g>
          );
        })}
    </svg>
  );
}
