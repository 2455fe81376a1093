/** By a name that the compiler does not follow: the peers are not installed with the main package. */
export async function load<Module>(name: string): Promise<Module> {
  return (await import(name)) as Module;
}
