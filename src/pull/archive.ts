/** News that came as an archive. */
import { rm } from 'node:fs/promises'
import { basename } from 'node:path'
import { messageOf, PypaasError } from '../errors.ts'
import { dropDownload, type DownloadFiles } from './download.ts'
import type { News, Version } from './look.ts'

export interface ArchiveOf {
  /** The remote, for people. */
  readonly shown: string
  /** Of the archive, in hex. */
  readonly sha256: string
  readonly signal: AbortSignal
}

export function archiveNews(files: DownloadFiles, version: Version, of: ArchiveOf): { readonly news: News } {
  return {
    news: {
      version,
      name: of.sha256.slice(0, 11),
      commit: of.sha256.slice(0, 40),
      subject: basename(of.shown),
      place: (directory) => placeArchive(files.archive, directory, of),
      settled: () => dropDownload(files),
    },
  }
}

/** Unpacks into a directory that is not there yet. */
async function placeArchive(
  archive: string,
  directory: string,
  { shown, signal }: Pick<ArchiveOf, 'shown' | 'signal'>,
): Promise<void> {
  const { unpackArchive } = await import('../artifact/unpack.ts')
  try {
    await unpackArchive(archive, directory, undefined, signal)
  } catch (error) {
    await rm(directory, { recursive: true, force: true })
    if (!(error instanceof PypaasError) || error.code !== 'failed') throw error
    throw new PypaasError('failed', `${shown} cannot be unpacked: ${messageOf(error)}`, {
      cause: error,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    })
  }
}
