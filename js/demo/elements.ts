/** What the parts of the page share: its elements, and how problems and times are shown. */

/** The element of an id, which the page has. */
export function element<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

/** A new element that holds a text. */
export function made<K extends keyof HTMLElementTagNameMap>(tag: K, content: string): HTMLElementTagNameMap[K] {
  const fresh = document.createElement(tag);
  fresh.textContent = content;
  return fresh;
}

/** Show the message of a problem in an element, or hide it if there is none. */
export function report(place: HTMLElement, problem: unknown): void {
  place.hidden = problem === null;
  place.textContent = problem === null ? "" : problem instanceof Error ? problem.message : String(problem);
}

/** Let the page draw and answer. */
export function pause(): Promise<void> {
  return new Promise((resume) => setTimeout(resume));
}

/** A whole number with separators. */
export function count(value: number): string {
  return value.toLocaleString("en");
}

/** What some work gives, and how long it takes, as text. */
export function timed<T>(work: () => T): [T, string] {
  const start = performance.now();
  const found = work();
  const passed = performance.now() - start;
  return [found, passed < 0.1 ? "less than 0.1 ms" : `${passed.toFixed(1)} ms`];
}
