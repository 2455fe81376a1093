/** The pages of files to which pages link. */
import { sources } from './.vitepress/pages.ts';

export default { paths: sources };
