/** Which of the known words was probably meant. Pure. */
import { distance } from 'fastest-levenshtein'

/** How many known words a message lists at most. */
const LISTED = 10

/** The known word that is nearest to `word`, if one is near enough to be what was meant. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const lower = word.toLowerCase()
  let best: string | undefined
  let bestDistance = Infinity
  for (const candidate of known) {
    const other = candidate.toLowerCase()
    const partly = lower.length >= 4 && other.includes(lower)
    const apart = Math.min(distance(lower, other), partly ? 1 : Infinity)
    if (apart < bestDistance) {
      best = candidate
      bestDistance = apart
    }
  }
  return bestDistance <= allowed(word) ? best : undefined
}

function allowed(word: string): number {
  return word.length < 3 ? 1 : Math.max(2, Math.floor(word.length / 3))
}

/** The end of a message about an unknown word: ``did you mean `x`?`` or what there is to choose from. */
export function suggestion(word: string, known: readonly string[], there: string): string {
  const near = nearest(word, known)
  return near === undefined ? `${there} ${listed(known)}` : `did you mean \`${near}\`?`
}

/** Words as a list for a message, cut to the first ones. */
export function listed(words: readonly string[]): string {
  if (words.length === 0) return 'none'
  const shown = words.slice(0, LISTED).map((word) => `\`${word}\``)
  const rest = words.length - shown.length
  return shown.join(', ') + (rest > 0 ? ` and ${rest} more` : '')
}
