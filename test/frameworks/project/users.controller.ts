import { Controller, Get, Param } from '@nestjs/common';
import kyoa from 'kyoa';

const api = kyoa.create({ baseUrl: 'https://jsonplaceholder.typicode.com/' });

@Controller('users')
export class UsersController {
  @Get(':id')
  user(@Param('id') id: string) {
    return api.get(`users/${encodeURIComponent(id)}`).json();
  }
}
