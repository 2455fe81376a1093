/** TanStack has no part in a service worker. */
import './shell.js';
