import type { KafkaConfig } from '../shared/config.js';
import { createTopics, deleteTopics } from '../shared/kafka/deploy-topics.js';
import { createProducer, type BatchProducer } from '../shared/kafka/producer.js';
import { planTopics } from '../shared/kafka/topic-plan.js';
import { patiently, patientProducer, type Patience } from '../shared/runtime/patience.js';

/** Where one story is told. */
export interface StoryTopics {
  /** Before the name of every topic. */
  readonly prefix: string;
  readonly producer: BatchProducer;
}

/** One request makes the topics of so many stories; of fewer, if they have more than one partition. */
const CHAPTER_STORIES = 16;

interface Chapter {
  readonly prefix: string;
  readonly producer: Promise<BatchProducer>;
  /** Stories of it that are not over. */
  left: number;
}

/**
 * Throw-away topics for story after story, whose append time is what the story says (`CreateTime`). They are made ahead,
 * many at once, and deleted when the last story of their chapter is over.
 */
export class TopicsOfStories {
  readonly #kafka: KafkaConfig;
  readonly #patience: Patience;
  readonly #run: { readonly name: string; readonly stories: number; readonly partitions: number };
  readonly #chapterStories: number;
  readonly #chapters = new Map<number, Chapter>();
  readonly #endings: Promise<unknown>[] = [];

  constructor(
    kafka: KafkaConfig,
    run: { readonly name: string; readonly stories: number; readonly partitions: number },
    patience: Patience,
  ) {
    this.#kafka = kafka;
    this.#patience = patience;
    this.#run = run;
    this.#chapterStories = Math.ceil(CHAPTER_STORIES / run.partitions);
  }

  /** The topics of story number `index`; its chapter's are served when it resolves, and the next one's are being made. */
  async of(index: number): Promise<StoryTopics> {
    const number = Math.floor(index / this.#chapterStories);
    const chapter = this.#chapter(number);
    if ((number + 1) * this.#chapterStories < this.#run.stories) this.#chapter(number + 1);
    return { prefix: storyPrefix(chapter.prefix, index), producer: await chapter.producer };
  }

  /** Story number `index` is over. */
  over(index: number): void {
    const number = Math.floor(index / this.#chapterStories);
    const chapter = this.#chapters.get(number);
    if (chapter === undefined || --chapter.left > 0) return;
    this.#chapters.delete(number);
    this.#endings.push(this.#end(chapter));
  }

  /** Deletes what is left. What cannot be deleted stays behind: it must not hide why a story failed. */
  async close(): Promise<void> {
    for (const chapter of this.#chapters.values()) this.#endings.push(this.#end(chapter));
    this.#chapters.clear();
    await Promise.allSettled(this.#endings);
  }

  #chapter(number: number): Chapter {
    let chapter = this.#chapters.get(number);
    if (chapter === undefined) {
      const first = number * this.#chapterStories;
      const left = Math.min(this.#chapterStories, this.#run.stories - first);
      const prefix = `${this.#run.name}_${number}_`;
      const prefixes = Array.from({ length: left }, (_, i) => storyPrefix(prefix, first + i));
      chapter = { prefix, left, producer: this.#open(prefixes) };
      chapter.producer.catch(() => undefined); // Awaited by the stories, in their turn.
      this.#chapters.set(number, chapter);
    }
    return chapter;
  }

  /** A producer of their own: one that has ever sent to a topic keeps asking for it after it is deleted. */
  async #open(prefixes: readonly string[]): Promise<BatchProducer> {
    const { partitions } = this.#run;
    const planned = prefixes.flatMap((prefix) => planTopics({ prefix, partitions, timestampType: 'CreateTime' }));
    const [, producer] = await allOf([
      patiently(() => createTopics(this.#kafka, planned), this.#patience),
      patiently(() => createProducer(this.#kafka, { idempotent: true }), this.#patience),
    ]);
    return patientProducer(producer, this.#patience);
  }

  async #end({ prefix, producer }: Chapter): Promise<void> {
    await producer.then(
      (opened) => opened.close(),
      () => undefined,
    );
    await deleteTopics(this.#kafka, prefix);
  }
}

function storyPrefix(chapterPrefix: string, index: number): string {
  return `${chapterPrefix}${index}.`;
}

/** Like Promise.all, but everything has ended when it rejects: what is cleaned up next is not still being made. */
export async function allOf<T extends readonly unknown[]>(work: { [I in keyof T]: Promise<T[I]> }): Promise<T> {
  const results = await Promise.allSettled(work);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
  return results.map((result) => (result as PromiseFulfilledResult<unknown>).value) as unknown as T;
}
