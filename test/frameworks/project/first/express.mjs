import express from 'express';
import kyoa, { isHTTPError } from 'kyoa';

const api = kyoa.create({ baseUrl: 'https://jsonplaceholder.typicode.com/' });
const app = express();

app.get('/users/:id', async (req, res) => {
  res.json(await api.get(`users/${encodeURIComponent(req.params.id)}`).json());
});

app.use((error, req, res, next) => {
  if (res.headersSent) {
    next(error); // Express closes the connection
    return;
  }
  const isMissing = isHTTPError(error) && error.response.status === 404;
  if (!isMissing) console.error(error); // its message names the hosts of other services: it is for the log alone
  res.status(isMissing ? 404 : 500).json({ error: isMissing ? 'not found' : 'not available' });
});

app.listen(3000);
