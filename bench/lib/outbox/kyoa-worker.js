/** The outbox of its client listens for the sync event. */
import './shell.js';
import './kyoa-client.js';
