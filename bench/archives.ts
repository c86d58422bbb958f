/** Packing and unpacking a large tree, beside `tar | gzip` of the same tree. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { packTree } from '../src/artifact/pack.ts'
import { unpackArchive } from '../src/artifact/unpack.ts'
import type { Subject } from './subject.ts'
import { milliseconds, spreadOf, times as factor, type Spread } from './table.ts'

export const archives: Subject = {
  name: 'archives',
  about: 'packing and unpacking an artifact, beside tar and gzip',
  async run(bench) {
    const { quick, ends } = bench
    const { files, bytes, runs } = quick
      ? { files: 2000, bytes: 30 * 2 ** 20, runs: 1 }
      : { files: 20_000, bytes: 300 * 2 ** 20, runs: 3 }
    const root = await mkdtemp(join(tmpdir(), 'pypaas-bench-archives-'))
    const end = ends.add(() => rm(root, { recursive: true, force: true }))
    const tree = join(root, 'tree')
    await makeTree(tree, files, bytes)
    const taken: Record<'packed' | 'unpacked' | 'tarred' | 'untarred', number[]> = {
      packed: [],
      unpacked: [],
      tarred: [],
      untarred: [],
    }
    const [ours, theirs, to] = [join(root, 'ours.tar.gz'), join(root, 'theirs.tar.gz'), join(root, 'to')]
    for (let run = 0; run < runs; run++) {
      bench.say(`archives: ${run + 1} of ${runs}`)
      taken.tarred.push(await timed(() => execa('tar', ['-czf', theirs, '-C', tree, '.'])))
      taken.packed.push(await timed(() => packTree(tree, ours, 'tar.gz')))
      await mkdir(to)
      taken.untarred.push(await timed(() => execa('tar', ['-xzf', theirs, '-C', to])))
      await rm(to, { recursive: true })
      taken.unpacked.push(await timed(() => unpackArchive(ours, to)))
      await rm(to, { recursive: true })
    }
    const pack = { tar: spreadOf(taken.tarred), pypaas: spreadOf(taken.packed) }
    const unpack = { tar: spreadOf(taken.untarred), pypaas: spreadOf(taken.unpacked) }
    bench.report({
      title: `An archive of ${bytes / 2 ** 20} MiB in ${files} files, ${runs} runs each`,
      rows: [['', 'tar | gzip', 'pypaas', 'pypaas / tar | gzip'], row('pack', pack), row('unpack', unpack)],
      data: { files, bytes, pack, unpack },
    })
    await end()
  },
}

function row(what: string, { tar, pypaas }: { readonly tar: Spread; readonly pypaas: Spread }): string[] {
  return [what, milliseconds(tar.median), milliseconds(pypaas.median), factor(pypaas.median / tar.median)]
}

/** Text that compresses about as sources do; every file is another one. */
async function makeTree(tree: string, files: number, bytes: number): Promise<void> {
  const words = Array.from({ length: 4096 }, (_, at) => ((at * 2_654_435_761) >>> 8).toString(36))
  const size = Math.floor(bytes / files)
  for (let file = 0; file < files; file++) {
    const directory = join(tree, String(file % 200))
    if (file < 200) await mkdir(directory, { recursive: true })
    let text = ''
    for (let at = file; text.length < size; at = (at * 31 + 17) % 1_000_003)
      text += `${words[at % words.length]} `
    await writeFile(join(directory, `file-${file}`), text.slice(0, size))
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}
