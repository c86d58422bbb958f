import { expect, test } from 'vitest'
import { readH2load, readWrk } from '../../bench/tools.ts'

test('what wrk prints without errors is read as requests of which none broke', () => {
  const said = '  23870 requests in 10.01s, 2.93MB read\nRequests/sec:   2387.28\n'
  expect(readWrk(said)).toEqual({ sent: 23870, broken: 0, how: '' })
})

test('socket errors and refusals of wrk are counted together', () => {
  const said = [
    '  2387 requests in 1.01s, 293.05KB read',
    '  Socket errors: connect 1, read 48, write 2, timeout 3',
    '  Non-2xx or 3xx responses: 341',
    'Requests/sec:   2372.78',
  ]
  expect(readWrk(said.join('\n'))).toEqual({
    sent: 2387,
    broken: 1 + 48 + 2 + 3 + 341,
    how: 'Socket errors: connect 1, read 48, write 2, timeout 3',
  })
})

test('a h2load whose connections were all there at the end has lost nothing', () => {
  const said = [
    'requests: 7281 total, 7481 started, 7281 done, 7281 succeeded, 0 failed, 0 errored, 0 timeout',
    'status codes: 7281 2xx, 0 3xx, 0 4xx, 0 5xx',
  ]
  expect(readH2load(said.join('\n'))).toEqual({ sent: 7481, broken: 0, how: '' })
})

test('h2load is found out where it lost connections, requests or answers', () => {
  const requests =
    'requests: 3505 total, 3655 started, 3505 done, 3495 succeeded, 10 failed, 10 errored, 0 timeout'
  const said = [requests, 'status codes: 3493 2xx, 0 3xx, 0 4xx, 2 5xx']
  expect(readH2load(said.join('\n'))).toEqual({
    sent: 3655,
    broken: 5 + 10 + 2,
    how: `5 of 20 connections ended; ${requests}`,
  })
})

test('what is no report is not read', () => {
  expect(readWrk('unable to connect')).toBeUndefined()
  expect(readH2load('')).toBeUndefined()
})
