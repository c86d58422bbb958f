/** What a soak does to a branch, and in which order: made from a seed. Pure. */
import * as fc from 'fast-check'

/** Through which program pypaas is asked: the daemon's SSH server, a handler as OpenSSH starts one, the host's shell. */
export type Entrance = 'embedded' | 'openssh'

export type Step =
  | { readonly kind: 'push' | 'dry run' | 'detached' | Failing | 'cancelled'; readonly through: Entrance }
  /** Two pushes, the second while the first is at work. */
  | { readonly kind: 'waiting'; readonly through: Entrance }
  /** The client goes by `kill -9`, and with it the handler that it has started. */
  | { readonly kind: 'cut off'; readonly through: Entrance }
  | { readonly kind: Command; readonly through: Entrance | 'shell' }

/** What goes wrong: the build, the start of the process, or its health. */
export type Failing = 'no build' | 'crash' | 'unhealthy'
/** `reconfigured`: a restart with other settings of the domain, so that nginx gets other files. */
export type Command = 'rollback' | 'rebuild' | 'restart' | 'reconfigured'

/**
 * Everything that a soak does, each as often as it stands here. What does not go through the daemon starts a program
 * of its own, which takes most of the time of a soak: such steps are few.
 */
const ROUND: readonly Step[] = [
  ...Array.from({ length: 5 }, (): Step => ({ kind: 'push', through: 'embedded' })),
  { kind: 'push', through: 'openssh' },
  { kind: 'no build', through: 'embedded' },
  { kind: 'crash', through: 'embedded' },
  { kind: 'unhealthy', through: 'embedded' },
  { kind: 'dry run', through: 'embedded' },
  { kind: 'cancelled', through: 'embedded' },
  { kind: 'cut off', through: 'embedded' },
  { kind: 'cut off', through: 'openssh' },
  { kind: 'waiting', through: 'openssh' },
  { kind: 'detached', through: 'embedded' },
  { kind: 'rollback', through: 'embedded' },
  { kind: 'rollback', through: 'shell' },
  { kind: 'rebuild', through: 'embedded' },
  { kind: 'rebuild', through: 'openssh' },
  { kind: 'restart', through: 'embedded' },
  { kind: 'reconfigured', through: 'embedded' },
]

/** Steps that make `deploys` deploys or one more. In each stretch as long as a round, every kind comes up. */
export function stepsOf(seed: number, deploys: number): Step[] {
  const rounds = Math.ceil(deploys / ROUND.length)
  const shuffled = fc.shuffledSubarray([...ROUND], { minLength: ROUND.length })
  const steps = fc.sample(shuffled, { seed, numRuns: rounds }).flat()
  let made = 0
  return steps.filter((step) => {
    if (made >= deploys) return false
    made += step.kind === 'waiting' ? 2 : 1
    return true
  })
}

export function describeStep(step: Step): string {
  return `${step.kind} over ${step.through}`
}
