import './shell.js';
import './kyoa-client.js';
