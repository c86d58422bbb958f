/** The YAML library as a module of our own: imported lazily, it is the same bundled and unbundled. */
export { parse } from 'yaml'
