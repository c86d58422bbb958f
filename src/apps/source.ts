/** How releases say from which version of which app they came. Pure. */
import type { AppRef } from '../paths.ts'

/** `artifact:shop/master@1.2.3`; with the artifact's name where it is not the usual one. */
export function sourceText(app: AppRef, artifact: string, version: string): string {
  const named = artifact === usualArtifact(app.app) ? '' : `/${artifact}`
  return `artifact:${app.app}/${app.target}${named}@${version}`
}

/** The version that a release came from; undefined: it came from elsewhere. */
export function versionIn(source: string | undefined): string | undefined {
  return /^artifact:.*@([^@]+)$/.exec(source ?? '')?.[1]
}

/** The app and target that it is a version of; undefined: it came from elsewhere. */
export function appIn(source: string | undefined): AppRef | undefined {
  const [, app, target] = /^artifact:([^/@]+)\/([^/@]+)/.exec(source ?? '') ?? []
  return app === undefined || target === undefined ? undefined : { app, target }
}

export function usualArtifact(app: string): string {
  return `${app}.tar.gz`
}
