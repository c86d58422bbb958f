import { describe, expect, it } from 'vitest'
import { nextTime, scheduleMistake } from '../../src/config/schedule.ts'

describe('schedules', () => {
  const noon = new Date(2026, 0, 15, 12, 0, 0)

  it('come every minute where none is given', () => {
    expect(nextTime(undefined, noon)).toEqual(new Date(2026, 0, 15, 12, 1, 0))
  })

  it('are those of cron', () => {
    expect(nextTime('*/15 * * * *', noon)).toEqual(new Date(2026, 0, 15, 12, 15, 0))
    expect(nextTime('30 3 * * 1-5', noon)).toEqual(new Date(2026, 0, 16, 3, 30, 0))
  })

  it('may have seconds', () => {
    expect(nextTime('*/10 * * * * *', noon)).toEqual(new Date(2026, 0, 15, 12, 0, 10))
  })

  it.each(['', 'often', '61 * * * *', '* * * *', '* * * * * * *', '0 0 31 2 *'])('%j is none', (schedule) => {
    expect(scheduleMistake(schedule)).toMatch(/expected a schedule|never comes/)
  })

  it.each(['* * * * *', '*/5 * * * * *', '0 4 * * sun', '@hourly'])('%j is one', (schedule) => {
    expect(scheduleMistake(schedule)).toBeUndefined()
  })
})
