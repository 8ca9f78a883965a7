// SPDX-License-Identifier: MIT
// queue - first in, first out, at constant cost

/** Items already taken that are kept in front of the array before it is copied. */
const SLACK = 512;

/** A queue: Array.shift() moves all that follow, this moves an index. */
export class Queue<T> {
  #items: T[] = [];
  #head = 0;

  /** Items in the queue. */
  get length(): number {
    return this.#items.length - this.#head;
  }

  /** The oldest item. */
  get first(): T | undefined {
    return this.#items[this.#head];
  }

  /** Adds an item. */
  push(item: T): void {
    this.#items.push(item);
  }

  /** Takes the newest item back if it is this one; returns whether it was. */
  takeBack(item: T): boolean {
    if (this.length === 0 || this.#items.at(-1) !== item) return false;
    this.#items.pop();
    return true;
  }

  /** Takes the oldest item. */
  shift(): T | undefined {
    const item = this.#items[this.#head++];
    if (this.#head >= this.#items.length) this.clear();
    else if (this.#head > SLACK && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** Removes all items. */
  clear(): void {
    this.#items = [];
    this.#head = 0;
  }
}
