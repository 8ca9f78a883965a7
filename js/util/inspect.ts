// SPDX-License-Identifier: MIT
// inspect - what console.log() shows of the public objects, in a few lines

/** A class whose objects say with toJSON() what they are. */
interface Shown {
  readonly prototype: { toJSON(): object };
}

/** How console.log() of Node, Deno and Bun calls an object's own method. */
type Inspect = (value: unknown, options: unknown) => string;

/**
 * Has console.log() show the objects of a class by their toJSON(); browsers show the objects themselves.
 *
 * @param shown - The class.
 * @param name - The name of the public interface.
 * @throws Never.
 */
export function showAs(shown: Shown, name: string): void {
  Object.defineProperty(shown.prototype, Symbol.for('nodejs.util.inspect.custom'), {
    value(this: { toJSON(): object }, _depth: number, options: unknown, inspect: Inspect): string {
      return `${name} ${inspect(this.toJSON(), options)}`;
    },
  });
}
