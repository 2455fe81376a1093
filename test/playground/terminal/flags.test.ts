import { describe, expect, test } from 'vitest';
import { help, readFlags } from '../../../playground/terminal/flags.ts';
import { presets } from '../../../playground/network/presets.ts';

describe('flags', () => {
  test('have defaults', () => {
    expect(readFlags([])).toEqual({
      help: false,
      name: 'flaky',
      preset: presets['flaky'],
      seed: 1,
      seconds: 8,
      rate: 150,
      once: false,
      port: 0,
    });
  });

  test('are read with a blank or an equals sign', () => {
    const flags = readFlags([
      '--preset',
      'slow-tail',
      '--seed=7',
      '--seconds',
      '2.5',
      '--rate=300',
      '--port=4000',
      '--once',
      '--help',
    ]);
    expect(flags).toEqual({
      help: true,
      name: 'slow-tail',
      preset: presets['slow tail'],
      seed: 7,
      seconds: 2.5,
      rate: 300,
      once: true,
      port: 4000,
    });
  });

  test.each([
    [['--preset', 'sunny'], /^--preset must be one of steady, slow-tail, .*, not 'sunny'$/],
    [['--seed', '1.5'], /^--seed must be a whole number from 0 to 4294967295, not '1.5'$/],
    [['--seconds', '0'], /^--seconds must be a number from 1 to 600, not '0'$/],
    [['--rate', 'fast'], /^--rate must be a number from 1 to 1000, not 'fast'$/],
    [['--rate', ''], /^--rate must be a number from 1 to 1000, not ''$/],
    [['--seconds', 'Infinity'], /^--seconds must be a number/],
    [['--seed'], /'--seed <value>' argument missing; --help lists the flags$/],
    [['--speed', '3'], /'--speed'; --help lists the flags$/],
    [['fast'], /'fast'/],
  ])('are rejected with a clear error for %j', (args, message) => {
    expect(() => readFlags(args)).toThrow(message);
  });

  test('are all in the help, with the presets', () => {
    for (const word of [
      '--preset',
      '--seed',
      '--seconds',
      '--rate',
      '--once',
      '--port',
      '--help',
      'slow-tail',
      'rate-limited',
    ]) {
      expect(help).toContain(word);
    }
  });
});
