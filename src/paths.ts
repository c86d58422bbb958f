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

/** An app that is installed from artifacts, and its target (`master`, `staging`): what a repo and a branch are to a push. */
export interface AppRef {
  readonly app: string
  readonly target: string
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

    /** What was last pulled of a branch with a source, and what could not be. */
    pulled: (ref: BranchRef) => ofBranch('state', ref, 'pulled.json'),
    /** Why it is not at what its source has. */
    pullTrouble: (ref: BranchRef) => ofBranch('state', ref, 'pull-trouble.json'),
    /** Held by whoever looks at the branch's source. */
    pullLock: (ref: BranchRef) => ofBranch('state', ref, 'pull.lock'),
    /** Downloads, and repositories of git remotes, of what is pulled. */
    pullCache: at('cache', 'pull'),

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
    /** Notes of uploads to S3 that have not ended. */
    uploads: at('cache', 'uploads'),
    /** Versions of the node and python binaries that were asked for theirs. */
    runtimes: at('cache', 'runtimes.json'),

    /** What `artifact build` keeps between builds, all of which can be had again. */
    artifactCache: at('cache', 'artifacts'),
    /** Wheels of former builds: what a build without downloads finds. */
    artifactWheels: at('cache', 'artifacts', 'wheels'),
    artifactPip: at('cache', 'artifacts', 'pip'),
    /** A repository that was fetched from elsewhere; `key` stands for its URL. */
    artifactRepository: (key: string) => at('cache', 'artifacts', 'repositories', fileName(key)),
    /** Where a project is built: the same place each time, since results may hold paths. */
    artifactWork: (project: string) => at('cache', 'artifacts', 'work', fileName(project)),
    artifactWorkLock: (project: string) => at('cache', 'artifacts', 'work', `${fileName(project)}.lock`),

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

    /** Pulls that have begun and are not over; see `pull/begun.ts`. */
    pulls: at('run', 'pulls'),
    pullNote: ({ repo, branch }: BranchRef) => at('run', 'pulls', joinNames(repo, branch)),

    apps: at('apps'),
    /** Held by whoever changes the app. No target's name begins with a dot. */
    appLock: (app: string) => at('apps', fileName(app), '.lock'),
    /** What an app that is installed from artifacts has of its own. */
    app({ app, target }: AppRef) {
      const root = at('apps', fileName(app), fileName(target))
      return {
        root,
        /** A symbolic link to the live version; renaming it is the SWITCH of an app without runners. */
        live: join(root, 'live'),
        versions: join(root, 'versions'),
        version: (version: string) => join(root, 'versions', fileName(version)),
        /** Working area; what is in it belongs to the one who holds the lock. */
        unpack: join(root, 'versions', 'unpack'),
        /** What is known of each whole version. */
        records: join(root, 'records'),
        record: (version: string) => join(root, 'records', `${fileName(version)}.json`),
        /** A deploy that is not quite over. */
        pending: join(root, 'pending.json'),
        virtualenvs: join(root, 'virtualenvs'),
        virtualenv: (key: string) => join(root, 'virtualenvs', fileName(key)),
        virtualenvLock: (key: string) => join(root, 'virtualenvs', `${fileName(key)}.lock`),
      }
    },

    run: at('run'),
    runFile: (name: string) => at('run', name),
    logs: at('logs'),
    logFile: (name: string) => at('logs', name),
  }
}
