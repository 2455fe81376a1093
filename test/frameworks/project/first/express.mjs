import express from 'express';
import kyoa from 'kyoa';

const api = kyoa.create({ baseUrl: 'https://jsonplaceholder.typicode.com/' });
const app = express();

app.get('/users/:id', async (req, res) => {
  res.json(await api.get(`users/${encodeURIComponent(req.params.id)}`).json());
});

app.listen(3000);
