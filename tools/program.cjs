#!/usr/bin/env node
// Becomes dist/pypaas.js: runs the bundle beside it with V8's compiled code of it, which spares every command the
// compiling. Another version of node than that of the build passes over the compiled code, and compiles.
'use strict'
const { readFileSync } = require('node:fs')
const { setFlagsFromString } = require('node:v8')
const { Script } = require('node:vm')

const filename = `${__dirname}/main.js`
const script = new Script(readFileSync(filename, 'latin1'), {
  filename,
  cachedData: readFileSync(`${__dirname}/main.cache`),
})
// To start a program, node copies its own page tables: the half of a push's waiting, where much memory is in use.
// The space for young objects, which would grow to 32 MB, stays at 2.
setFlagsFromString('--semi-space-growth-factor=1')
script.runInThisContext()(require, __filename)
