/** A line as small as a word: how a rate has been, without axes; the number stands beside it. */

const WIDTH = 96;
const HEIGHT = 24;
/** What moves less is noise and stays at the bottom. */
const LEAST_TOP = 1;

/** The points of a polyline: the newest at the right edge, `steps` of them across. */
export function sparkPoints(values: readonly number[], top: number, steps: number): string {
  const shown = values.slice(-steps);
  const step = WIDTH / Math.max(1, steps - 1);
  const right = WIDTH - (shown.length - 1) * step;
  return shown
    .map((value, index) => {
      const y = HEIGHT - 1.5 - (value / top) * (HEIGHT - 3);
      return `${(right + index * step).toFixed(1)},${y.toFixed(1)}`;
    })
    .join(" ");
}

export function Sparkline(props: {
  lines: readonly { readonly name: string; readonly values: readonly number[] }[];
  steps?: number;
}) {
  const { lines, steps = 60 } = props;
  const top = Math.max(LEAST_TOP, ...lines.flatMap(({ values }) => values.slice(-steps)));
  return (
    <svg class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      {lines.map(({ name, values }) => {
        const points = sparkPoints(values, top, steps);
        const [first = ""] = points.split(",", 1);
        return (
          <g key={name} class={`line-${name}`}>
            {values.length > 1 && <polygon points={`${first},${HEIGHT} ${points} ${WIDTH},${HEIGHT}`} />}
            {values.length > 1 && <polyline points={points} />}
          </g>
        );
      })}
    </svg>
  );
}
