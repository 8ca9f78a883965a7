// SPDX-License-Identifier: MIT
// word_list - words and patterns that our prose does not use, each with a better one (data of words.ts)

/** One banned word or pattern. */
export interface BannedWord {
  /** Matched without regard to case, at word boundaries. */
  readonly pattern: RegExp;
  /** The message: what to write instead. */
  readonly better: string;
  /** Folders to which the rule is limited. @default all */
  readonly only?: readonly string[];
}

/** Words that readers stumble over, and our own names for things that have a term in the field. */
export const BANNED_WORDS: readonly BannedWord[] = [
  { pattern: /\bwho(?:m|ever|mever)?\b/, better: "the part's name: code is not a person" },
  { pattern: /\bsomebody|someone\b/, better: "the part's name: code is not a person" },
  { pattern: /(?<!\bno )\bsuch\b(?! as\b)/, better: 'this, these, such as' },
  { pattern: /\bfor ever\b/, better: 'forever, without limit, indefinitely' },
  { pattern: /\bbut for\b/, better: 'except' },
  { pattern: /\bmeanwhile\b/, better: 'until then, at the same time' },
  { pattern: /\blet(?:s|ting)? go\b/, better: 'release, detach' },
  { pattern: /\bbells?\b/, better: 'doorbell, notify; pending' },
  { pattern: /\broom_mark|data_mark\b/, better: 'wake threshold' },
  { pattern: /\blarge send\b/, better: 'segmentation offload' },
  { pattern: /\bplace_of\b/, better: 'offset_of' },
  { pattern: /\bverbs?\b/, better: 'zero-copy access' },
  { pattern: /\bpok(?:e|es|ed|ing)\b/, better: 'retry' },
  { pattern: /\bunheard\b/, better: 'onUnlistened, nothing listens' },
  { pattern: /\bdeaf\b/, better: 'closing' },
  { pattern: /\bquicken(?:s|ed|ing)?\b/, better: 'fast path, installFastPath' },
  { pattern: /\bbeds?\b/, better: 'fixture' },
  { pattern: /\bpumps?\b/, better: 'workload', only: ['bench', 'tests/tools'] },
  { pattern: /\broles?\b/, better: 'peer, side', only: ['bench', 'tests/tools'] },
  {
    pattern: /\b(?:a|the|each|every|of|these|which|its) measures?\b/,
    better: 'metric',
    only: ['bench', 'tests/tools'],
  },
];

/** Words that open no sentence: readers take them for a question, or look for the thing that they point at. */
export const BANNED_OPENINGS: readonly string[] = [
  'That',
  'What',
  'Where',
  'Who',
  'Whoever',
  'Whose',
];

/** A use of a banned word that stays. */
export interface AllowedWord {
  /** Where: a file, or a folder and all in it. */
  readonly path: string;
  /** Text around the word, as in the file but on one line. */
  readonly text: string;
  readonly reason: string;
}

/** The exceptions. One that no longer applies is a violation. */
export const ALLOWED_WORDS: readonly AllowedWord[] = [
  { path: 'tests/vm/v86_card.test.ts', text: 'who has', reason: 'the question of ARP' },
];

/** Files and folders with prose that is checked. */
export const PROSE: readonly string[] = [
  'README.md',
  'CHANGELOG.md',
  'docs',
  'examples',
  'core',
  'lwip',
  'packages',
  'js',
  'bench',
  'tests',
  'tools',
  'web',
];
