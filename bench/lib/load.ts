/** Imports a peer. The name is a parameter, so that the compiler does not look for a package that may not be installed. */
export async function load<Module>(name: string): Promise<Module> {
  return (await import(name)) as Module;
}
