/** Ids that are worked on behind the answers, many at a time and not too often. */
export interface BackgroundBatches {
  add(id: string): void
  close(): void
}

export interface BackgroundBatchesOptions {
  batchSize: number
  /** Between two batches. */
  pauseMs: number
  /** Answers false when it was not its turn; those ids, and those of a batch that fails, come again. */
  work: (ids: string[]) => Promise<boolean>
  onError: (error: unknown) => void
}

const mostWaiting = 10_000
/** Whoever comes at the same moment shares the first batch. */
const gatherMs = 5

export function createBackgroundBatches(options: BackgroundBatchesOptions): BackgroundBatches {
  const { batchSize, pauseMs, work, onError } = options
  const due = new Set<string>()
  let timer: NodeJS.Timeout | undefined
  let isClosed = false

  function schedule(afterMs: number): void {
    if (timer || isClosed) return
    timer = setTimeout(() => {
      workOnBatch()
        .catch(onError)
        .finally(() => {
          timer = undefined
          if (due.size > 0) schedule(pauseMs)
        })
    }, afterMs)
    timer.unref()
  }

  async function workOnBatch(): Promise<void> {
    const ids = [...due].slice(0, batchSize)
    for (const id of ids) due.delete(id)
    let isDone = false
    try {
      isDone = await work(ids)
    } finally {
      if (!isDone) for (const id of ids) due.add(id)
    }
  }

  return {
    add(id) {
      if (due.size < mostWaiting) due.add(id)
      schedule(gatherMs)
    },
    close() {
      isClosed = true
      clearTimeout(timer)
    },
  }
}
