/** Every path below the home (DESIGN 2). Pure; the only module that knows this tree. */
import { join } from 'node:path'
import { fileName, joinNames } from './names.ts'

/** A configured branch of a repo: the unit that is deployed. */
export interface BranchRef {
  readonly repo: string
  readonly branch: string
}

/** One release of a branch. */
export interface ReleaseRef extends BranchRef {
  /** `YYYYmmdd_HHMMSS-commit11`, and `.2`, `.3` behind it if one second saw several. */
  readonly release: string
}

export type Paths = ReturnType<typeof pathsOf>

/** The tree below `home`. */
export function pathsOf(home: string) {
  const at = (...parts: string[]): string => join(home, ...parts)
  const ofBranch = (top: string, ref: BranchRef, ...rest: string[]): string =>
    at(top, fileName(ref.repo), fileName(ref.branch), ...rest)

  return {
    home,
    configCandidates: [at('config'), '/etc/pypaas'],

    sshDir: at('.ssh'),
    authorizedKeysDir: at('.ssh', 'authorized_keys.d'),
    authorizedKeys: at('.ssh', 'authorized_keys'),

    repos: at('repos'),
    /** The bare repository. */
    repo: (repo: string) => at('repos', fileName(repo)),

    checkouts: at('checkouts'),
    checkoutsOf: (ref: BranchRef) => ofBranch('checkouts', ref),
    checkout: (ref: BranchRef, name: string) => ofBranch('checkouts', ref, fileName(name)),

    state: at('state'),
    stateOf: (ref: BranchRef) => ofBranch('state', ref),
    /** A symbolic link to `releases/<release>`; renaming it is the SWITCH. pyPaaS kept a text file here. */
    currentCheckout: (ref: BranchRef) => ofBranch('state', ref, 'current_checkout'),
    releases: (ref: BranchRef) => ofBranch('state', ref, 'releases'),
    releaseFile: (ref: ReleaseRef) => ofBranch('state', ref, 'releases', `${ref.release}.json`),
    /** A symbolic link to the release's checkout. */
    releaseLink: (ref: ReleaseRef) => ofBranch('state', ref, 'releases', ref.release),
    deploys: (ref: BranchRef) => ofBranch('state', ref, 'deploys'),
    /** Who froze the branch, and why. */
    frozen: (ref: BranchRef) => ofBranch('state', ref, 'frozen.json'),
    /** Those who wait to deploy the branch. */
    queue: (ref: BranchRef) => ofBranch('state', ref, 'queue'),
    /** Asks the deploy of that id to cancel itself. */
    cancelFile: (ref: ReleaseRef) => ofBranch('state', ref, 'deploys', `${ref.release}.cancel`),
    branchLock: (ref: BranchRef) => ofBranch('state', ref, 'lock'),

    ports: at('ports.yml'),
    maintenance: at('maintenance-state.yml'),
    cache: at('cache'),
    /** Dependency trees by key: the tree and its manifest. */
    trees: at('cache', 'trees'),
    tree: (key: string) => at('cache', 'trees', fileName(key)),
    /** Virtual environments by key. They hold absolute paths, so they are made where they stay. */
    venvs: at('cache', 'venv'),
    venv: (key: string) => at('cache', 'venv', fileName(key)),
    venvLock: (key: string) => at('cache', 'venv', `${fileName(key)}.lock`),
    /** What a tool such as npm or pip has downloaded; the tool's own format. */
    downloads: (tool: string) => at('cache', 'downloads', fileName(tool)),
    allDownloads: at('cache', 'downloads'),
    /** Versions of the node and python binaries that were asked for theirs. */
    runtimes: at('cache', 'runtimes.json'),

    services: at('services'),
    /** What the host's svscan runs for a live release. */
    hostService: (ref: ReleaseRef) => at('services', joinNames(ref.repo, ref.branch, ref.release)),
    servicesReal: at('services-real'),
    servicesRealOf: (ref: BranchRef) => ofBranch('services-real', ref),
    /** The directory that the release's own svscan scans. */
    releaseServices: (ref: ReleaseRef) => ofBranch('services-real', ref, ref.release),
    service: (ref: ReleaseRef, runner: string, index: number) =>
      ofBranch('services-real', ref, ref.release, `${fileName(runner)}-${index}`),
    /** Held by everything that runs of the release. Beside the scanned directory, not in it. */
    releaseLock: (ref: ReleaseRef) => ofBranch('services-real', ref, `${ref.release}.lock`),

    /** A symbolic link to the set in force below {@link nginxSets}; swung as a whole. */
    nginxFiles: at('nginx.d'),
    nginxSets: at('nginx.sets'),

    /** Deploys that are not quite over; see `deploy/unfinished.ts`. */
    unfinished: at('run', 'unfinished'),
    /** Held by the process that does what is left to do after the SWITCH to that release. */
    settleLock: (ref: ReleaseRef) =>
      at('run', 'unfinished', `.${joinNames(ref.repo, ref.branch, ref.release)}.lock`),
    unfinishedFile: (ref: ReleaseRef) =>
      at('run', 'unfinished', joinNames(ref.repo, ref.branch, ref.release)),

    /** Moves of refs that are not over; see `deploy/moves.ts`. */
    moves: at('run', 'moves'),
    moveFile: ({ repo, branch }: BranchRef, id: string) => at('run', 'moves', joinNames(repo, branch, id)),

    run: at('run'),
    runFile: (name: string) => at('run', name),
    logs: at('logs'),
    logFile: (name: string) => at('logs', name),
  }
}
