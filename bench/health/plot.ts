/** Figures of `npm run bench -- health` as a picture: pure, SVG as text. */

interface Figure {
  readonly name: string;
  readonly ours: number;
  readonly peer?: number;
}

interface Panel {
  readonly title: string;
  /** The measured thing: `cpu-per-check`. */
  readonly what: string;
  readonly kind: 'tcp' | 'http';
}

const PANELS: readonly Panel[] = [
  { title: 'CPU per TCP_CHECK, us', what: 'cpu-per-check', kind: 'tcp' },
  { title: 'CPU per HTTP_GET, us', what: 'cpu-per-check', kind: 'http' },
  { title: 'Lateness p99 of TCP_CHECK, ms', what: 'lateness-p99', kind: 'tcp' },
  { title: 'Lateness p99 of HTTP_GET, ms', what: 'lateness-p99', kind: 'http' },
];

const WIDTH = 360;
const HEIGHT = 190;
const BAR = 34;
const FLOOR = 150;
const TALLEST = 100;
const COLOURS = { ours: '#2563eb', peer: '#9ca3af' } as const;

/** Pairs of bars for each number of servers, lvsd beside keepalived, two panels a row. */
export function plot(figures: readonly Figure[]): string {
  const panels = PANELS.map((panel, index) => {
    const place = `translate(${(index % 2) * WIDTH} ${Math.floor(index / 2) * HEIGHT})`;
    return `<g transform="${place}">${draw(panel, figures)}</g>`;
  });
  const rows = Math.ceil(PANELS.length / 2);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${2 * WIDTH} ${rows * HEIGHT + 24}" font-family="sans-serif" font-size="11">`,
    '<title>Health checks: lvsd beside keepalived</title>',
    '<rect width="100%" height="100%" fill="white"/>',
    ...panels,
    legend(rows * HEIGHT + 14),
    '</svg>',
    '',
  ].join('\n');
}

function draw({ title, what, kind }: Panel, figures: readonly Figure[]): string {
  const name = new RegExp(`^${what}-${kind}-(\\d+)$`);
  const groups = figures.flatMap(({ name: found, ours, peer = 0 }) => {
    const servers = name.exec(found)?.[1];
    return servers === undefined ? [] : [{ servers, ours, peer }];
  });
  const most = Math.max(...groups.flatMap(({ ours, peer }) => [ours, peer]), Number.MIN_VALUE);
  const bars = groups.map(({ servers, ours, peer }, index) => {
    const left = 30 + index * (2 * BAR + 36);
    const pair = [
      bar(left, (ours / most) * TALLEST, COLOURS.ours, ours),
      bar(left + BAR + 2, (peer / most) * TALLEST, COLOURS.peer, peer),
    ];
    return `${pair.join('')}<text x="${left + BAR}" y="${FLOOR + 16}" text-anchor="middle">${servers} servers</text>`;
  });
  return `<text x="20" y="22" font-weight="bold">${title}</text>${bars.join('')}`;
}

function bar(left: number, height: number, colour: string, value: number): string {
  const top = FLOOR - height;
  const label = value >= 100 ? Math.round(value) : Number(value.toPrecision(3));
  return (
    `<rect x="${left}" y="${top.toFixed(1)}" width="${BAR}" height="${height.toFixed(1)}" fill="${colour}"/>` +
    `<text x="${left + BAR / 2}" y="${(top - 4).toFixed(1)}" text-anchor="middle">${label}</text>`
  );
}

function legend(y: number): string {
  const entry = (left: number, colour: string, text: string): string =>
    `<rect x="${left}" y="${y - 9}" width="10" height="10" fill="${colour}"/><text x="${left + 14}" y="${y}">${text}</text>`;
  return entry(30, COLOURS.ours, 'lvsd') + entry(90, COLOURS.peer, 'keepalived');
}
