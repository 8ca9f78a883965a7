// SPDX-License-Identifier: MIT
// v86_serial - runs commands in a guest of tools/guest/v86_init.sh over its serial line; Node and browsers

/** The guest answers a command with its output, then this. */
const ANSWER = /^([\s\S]*?)@@(\d+|ready)\r?\n/;

/** The serial line of one emulator. Commands run one after another. */
export class Serial {
  #emulator;
  #text = '';
  #answered = () => {};
  #last = Promise.resolve();

  constructor(emulator) {
    this.#emulator = emulator;
    emulator.add_listener('serial0-output-byte', (byte) => {
      this.#text += String.fromCharCode(byte);
      if (byte === 10) this.#answered();
    });
  }

  /** Received text that belongs to no answer yet. */
  get text() {
    return this.#text;
  }

  /** Waits for the next answer. */
  async #answer() {
    for (;;) {
      const found = ANSWER.exec(this.#text);
      if (found) {
        this.#text = this.#text.slice(found[0].length);
        return { output: found[1].replaceAll('\r', ''), status: found[2] };
      }
      await new Promise((done) => {
        this.#answered = done;
      });
    }
  }

  /** Settles when a guest that boots takes commands. */
  async booted() {
    while ((await this.#answer()).status !== 'ready');
  }

  /**
   * Runs a command.
   *
   * @param command - One line for the guest's shell.
   * @returns Its `output` and exit `status`.
   */
  run(command) {
    const answer = this.#last.then(() => {
      this.#emulator.serial0_send(`${command}\n`);
      return this.#answer();
    });
    this.#last = answer;
    return answer.then(({ output, status }) => ({ output, status: Number(status) }));
  }
}
