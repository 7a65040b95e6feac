import { readFile } from 'node:fs/promises'

/** Resident memory of a process in megabytes (10^6 bytes), now and at its highest; undefined where there is no /proc. */
export async function readMemory(pid: number): Promise<{ now: number; highest: number } | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => undefined)
  const megabytes = (name: string) =>
    (Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status ?? '')?.[1]) * 1024) / 1e6
  return status === undefined ? undefined : { now: megabytes('VmRSS'), highest: megabytes('VmHWM') }
}
