import { expect, test } from 'vitest'
import { fileName, joinNames, nameOfFile } from '../src/names.ts'

test('plain names stand for themselves', () => {
  expect(fileName('node-js-sample')).toBe('node-js-sample')
  expect(fileName('My_App.v2')).toBe('My_App.v2')
})

test('a slash, a leading dot and everything unusual are encoded', () => {
  expect(fileName('feature/x')).toBe('feature%2Fx')
  expect(fileName('..')).toBe('%2E.')
  expect(fileName('.hidden')).toBe('%2Ehidden')
  expect(fileName('100%')).toBe('100%25')
  expect(fileName('ü')).toBe('%C3%BC')
})

test('names joined by dashes in different places do not collide', () => {
  const joined = [
    joinNames('a-b', 'c'),
    joinNames('a', 'b-c'),
    joinNames('a', 'b', 'c'),
    joinNames('a+b', 'c'),
    joinNames('A', 'b-c'),
  ]
  expect(new Set(joined).size).toBe(joined.length)
})

test('joined names differ without regard to case, as nginx compares them', () => {
  expect(joinNames('App', 'main').toLowerCase()).not.toBe(joinNames('app', 'main'))
})

test('a file name leads back to its name, and to nothing if no name makes it', () => {
  for (const name of ['main', 'feature/x', '.x', 'ü %', 'a%2Fb'])
    expect(nameOfFile(fileName(name))).toBe(name)
  for (const file of ['', '%', '%2f', '.x', 'a b', '%41']) expect(nameOfFile(file)).toBeUndefined()
})

test('an empty name is refused', () => {
  expect(() => fileName('')).toThrow(RangeError)
})
